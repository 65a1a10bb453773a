//! One room or several.

/// What can name rooms: a name, or a list of names.
pub trait IntoRooms {
    /// Adds the names that are not there yet.
    fn add_to(self, names: &mut Vec<String>);
}

impl IntoRooms for &str {
    fn add_to(self, names: &mut Vec<String>) {
        if !names.iter().any(|known| known == self) {
            names.push(self.to_owned());
        }
    }
}

impl IntoRooms for String {
    fn add_to(self, names: &mut Vec<String>) {
        self.as_str().add_to(names);
    }
}

impl IntoRooms for &String {
    fn add_to(self, names: &mut Vec<String>) {
        self.as_str().add_to(names);
    }
}

impl<T: IntoRooms, const N: usize> IntoRooms for [T; N] {
    fn add_to(self, names: &mut Vec<String>) {
        self.into_iter().for_each(|room| room.add_to(names));
    }
}

impl<T: IntoRooms> IntoRooms for Vec<T> {
    fn add_to(self, names: &mut Vec<String>) {
        self.into_iter().for_each(|room| room.add_to(names));
    }
}

impl<T: AsRef<str>> IntoRooms for &[T] {
    fn add_to(self, names: &mut Vec<String>) {
        self.iter().for_each(|room| room.as_ref().add_to(names));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rooms_are_named_once() {
        let mut names = vec!["a".to_owned()];
        ["a", "b"].add_to(&mut names);
        vec![String::from("b")].add_to(&mut names);
        (&["c"][..]).add_to(&mut names);
        assert_eq!(names, ["a", "b", "c"]);
    }
}
