//! Dates as JavaScript writes them, from milliseconds since 1970.

/// As `Date.prototype.toISOString`: `2023-11-14T22:13:20.123Z`; years outside 0 to 9999 with sign and six digits.
pub fn iso_string(millis: i64) -> String {
    let Moment { year, month, day, hours, minutes, seconds, millis, .. } = Moment::of(millis);
    let year = match year {
        0..=9999 => format!("{year:04}"),
        _ => format!("{}{:06}", if year < 0 { '-' } else { '+' }, year.abs()),
    };
    format!("{year}-{month:02}-{day:02}T{hours:02}:{minutes:02}:{seconds:02}.{millis:03}Z")
}

/// As `Date.prototype.toString`, in UTC: `Mon Nov 23 2026 10:12:41 GMT+0000 (Coordinated Universal Time)`.
pub fn date_string(millis: i64) -> String {
    let Moment { year, month, day, weekday, hours, minutes, seconds, .. } = Moment::of(millis);
    let (weekday, month) = (WEEKDAYS[weekday], MONTHS[month - 1]);
    format!(
        "{weekday} {month} {day:02} {year:04} {hours:02}:{minutes:02}:{seconds:02} GMT+0000 (Coordinated Universal Time)"
    )
}

struct Moment {
    year: i64,
    month: usize,
    day: i64,
    weekday: usize,
    hours: i64,
    minutes: i64,
    seconds: i64,
    millis: i64,
}

impl Moment {
    fn of(millis: i64) -> Self {
        let (days, of_day) = (millis.div_euclid(86_400_000), millis.rem_euclid(86_400_000));
        let (year, month, day) = civil_date(days);
        Self {
            year,
            month: usize::try_from(month).unwrap_or(1),
            day,
            // 1970 began on a Thursday.
            weekday: usize::try_from((days + 4).rem_euclid(7)).unwrap_or(0),
            hours: of_day / 3_600_000,
            minutes: of_day / 60_000 % 60,
            seconds: of_day / 1000 % 60,
            millis: of_day % 1000,
        }
    }
}

/// Year, month and day of a count of days since 1970, in the Gregorian calendar of 400-year cycles.
fn civil_date(days: i64) -> (i64, i64, i64) {
    // Years are counted from 1 March, so that the leap day is the last of its year.
    let since_march_0 = days + 719_468;
    let (cycle, day) = (since_march_0.div_euclid(146_097), since_march_0.rem_euclid(146_097));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (cycle * 400 + year + i64::from(month <= 2), month, day_of_month)
}

const WEEKDAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn iso_strings_are_those_of_javascript() {
        let check = |millis, expected: &str| assert_eq!(iso_string(millis), expected);
        check(0, "1970-01-01T00:00:00.000Z");
        check(-1, "1969-12-31T23:59:59.999Z");
        check(951_782_400_000, "2000-02-29T00:00:00.000Z");
        check(253_402_300_800_000, "+010000-01-01T00:00:00.000Z");
        check(-62_198_755_200_000, "-000001-01-01T00:00:00.000Z");
        check(-62_167_219_200_000, "0000-01-01T00:00:00.000Z");
    }

    #[test]
    fn date_strings_are_those_of_javascript() {
        let check = |millis, expected: &str| assert_eq!(date_string(millis), expected);
        check(0, "Thu Jan 01 1970 00:00:00 GMT+0000 (Coordinated Universal Time)");
        check(1_795_428_761_000, "Mon Nov 23 2026 10:12:41 GMT+0000 (Coordinated Universal Time)");
    }
}
