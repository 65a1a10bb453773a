//! What an application keeps with a socket.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use fanfare_proto::socket::Value;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A value of any type that can be written down, so that other nodes can see it and a lost session can bring it back.
#[derive(Clone)]
pub enum SocketData {
    /// As the application has set it.
    Typed(Arc<dyn AnyData>),
    /// As it was written down.
    Written(Value),
}

/// A value that can be written down.
pub trait AnyData: Any + Send + Sync {
    /// Writes it down; what cannot be written is null.
    fn write(&self) -> Value;
}

impl<T: Serialize + Send + Sync + 'static> AnyData for T {
    fn write(&self) -> Value {
        Value::of(self).unwrap_or_default()
    }
}

impl SocketData {
    pub(crate) fn new<T: Serialize + Send + Sync + 'static>(value: T) -> Self {
        Self::Typed(Arc::new(value))
    }

    /// The value, if it is of this type, or was written down and can be read as one.
    pub(crate) fn get<T: DeserializeOwned + Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        match self {
            Self::Typed(data) => {
                let data: Arc<dyn Any + Send + Sync> = data.clone();
                data.downcast().ok()
            }
            Self::Written(value) => value.read().ok().map(Arc::new),
        }
    }

    /// The value written down.
    pub fn write(&self) -> Value {
        match self {
            Self::Typed(data) => (**data).write(),
            Self::Written(value) => value.clone(),
        }
    }
}

impl fmt::Debug for SocketData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[derive(Debug, PartialEq, Serialize, serde::Deserialize)]
    struct User {
        name: String,
        picture: Bytes,
    }

    fn user() -> User {
        User { name: "ann".to_owned(), picture: Bytes::from_static(&[1, 2]) }
    }

    #[test]
    fn data_comes_back_in_its_type() {
        let data = SocketData::new(user());
        assert_eq!(*data.get::<User>().unwrap(), user());
        assert_eq!(data.get::<String>(), None);
    }

    #[test]
    fn data_that_was_written_down_comes_back_too() {
        let written = SocketData::Written(SocketData::new(user()).write());
        assert_eq!(*written.get::<User>().unwrap(), user());
        assert_eq!(written.get::<u8>(), None);
    }
}
