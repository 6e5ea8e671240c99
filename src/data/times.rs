//! Times, as numbers or in ISO 8601.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;

/// A time as it is written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Time {
    /// A number of unknown unit.
    Number(f64),
    /// Seconds since 1970.
    Seconds(f64),
}

/// A number, or a date as [`parse`] takes it.
pub(super) fn read(text: &str) -> Option<Time> {
    let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
    number.map(Time::Number).or_else(|| parse(text))
}

/// A date, or a date with a time of day, as in ISO 8601; without an offset it is in UTC.
pub(super) fn parse(text: &str) -> Option<Time> {
    // What databases print for people.
    let text = text.strip_suffix(" UTC").or(text.strip_suffix(" GMT")).unwrap_or(text);
    let utc = || text.parse::<DateTime>().ok().and_then(|time| Offset::UTC.to_timestamp(time).ok());
    let timestamp = text.parse::<Timestamp>().ok().or_else(utc)?;
    Some(Time::Seconds(timestamp.as_nanosecond() as f64 / 1e9))
}

/// How a column's times are meant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Clock {
    /// How many of the numbers' units make a second.
    unit: f64,
    /// Whether they are dates, or numbers that can be dates.
    has_dates: bool,
}

impl Clock {
    /// The clock of a column.
    ///
    /// Numbers are all of one unit, which the size of their median tells: seconds since 1970,
    /// thousandths, millionths or billionths of them. Numbers that are no such times, such as
    /// days, keep their order.
    pub fn of(times: &[Time]) -> Self {
        let mut numbers: Vec<f64> = times
            .iter()
            .filter_map(|time| match time {
                Time::Number(number) => Some(number.abs()),
                Time::Seconds(_) => None,
            })
            .collect();
        let middle = numbers.len() / 2;
        let median = match numbers.is_empty() {
            true => 0.0,
            false => *numbers.select_nth_unstable_by(middle, f64::total_cmp).1,
        };
        // 1e11 seconds are the year 5138, and 1e11 thousandths the year 1973.
        let unit = match median {
            m if m < 1e11 => 1.0,
            m if m < 1e14 => 1e3,
            m if m < 1e17 => 1e6,
            _ => 1e9,
        };
        // Days and counters stay far below 1e8; as seconds, these are before March 1973.
        Self { unit, has_dates: numbers.len() < times.len() || median >= 1e8 }
    }

    /// A time of this column in seconds.
    pub fn seconds(self, time: Time) -> f64 {
        match time {
            Time::Number(number) => number / self.unit,
            Time::Seconds(seconds) => seconds,
        }
    }

    /// A time of this column, in seconds, for people: a date in ISO 8601, or a number if the
    /// column has no dates.
    pub fn show(self, seconds: f64) -> String {
        let date = Timestamp::from_microsecond((seconds * 1e6).round() as i64).ok();
        match date.filter(|_| self.has_dates) {
            Some(date) => date.to_string(),
            None => (seconds * self.unit).to_string(),
        }
    }
}

/// A column of times in seconds.
#[cfg(test)]
fn seconds(times: &[Time]) -> Vec<f64> {
    let clock = Clock::of(times);
    times.iter().map(|time| clock.seconds(*time)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_seconds() {
        for text in [
            "2020-01-02T03:04:05Z",
            "2020-01-02 03:04:05",
            "2020-01-02T03:04:05.000",
            "2020-01-02 03:04:05 UTC",
            "2020-01-02T04:04:05+01:00",
            "2020-01-02 04:04:05+0100",
            "2020-01-02 04:04:05+01",
            "20200102T030405Z",
        ] {
            assert_eq!(parse(text), Some(Time::Seconds(1_577_934_245.0)), "{text}");
        }
        assert_eq!(parse("2020-01-02"), Some(Time::Seconds(1_577_923_200.0)));
        assert_eq!(parse("2020-01-02T03:04"), Some(Time::Seconds(1_577_934_240.0)));
        for text in ["noon", "02/01/2020", "2020-13-01", "2020-01-32", ""] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_column_of_numbers_has_one_unit() {
        for unit in [1.0, 1e3, 1e6, 1e9] {
            let times = [1_577_934_245.0, 0.0, 1_600_000_000.0];
            let written = times.map(|time| Time::Number(time * unit));
            let found = seconds(&written);
            assert!(found.iter().zip(times).all(|(a, b)| (a - b).abs() < 1e-3), "{found:?}");
        }
        assert_eq!(seconds(&[Time::Number(3.5), Time::Seconds(2.0)]), [3.5, 2.0]);
        assert_eq!(seconds(&[]), [] as [f64; 0]);
    }

    #[test]
    fn times_are_shown_as_they_are_written() {
        let show = |times: &[Time]| {
            let clock = Clock::of(times);
            clock.show(clock.seconds(times[0]))
        };
        let number = Time::Number;
        assert_eq!(show(&[number(1_577_934_245.0)]), "2020-01-02T03:04:05Z");
        assert_eq!(show(&[number(1_577_934_245_500.0)]), "2020-01-02T03:04:05.5Z");
        assert_eq!(show(&[parse("1965-01-02").unwrap()]), "1965-01-02T00:00:00Z");
        assert_eq!(show(&[number(17.5), number(99.0)]), "17.5");
        assert_eq!(show(&[number(1e300)]), "1e300".parse::<f64>().unwrap().to_string());
    }
}
