//! Durations as Go writes them.

pub(crate) enum DurationError {
    Form,
    Negative,
    Range,
}

/// Reads whole seconds, or a duration in [Go's form](https://pkg.go.dev/time#ParseDuration), to
/// seconds, rounded down.
pub(crate) fn parse_duration(text: &str) -> Result<u64, DurationError> {
    if text.starts_with('-') {
        return Err(DurationError::Negative);
    }
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let mut rest = text;
    let mut nanoseconds: u64 = 0;
    if is_digits(rest) {
        let seconds = rest.parse::<u32>().map_err(|_| DurationError::Range)?;
        return Ok(seconds.into());
    }
    while !rest.is_empty() {
        let number = take_while(&mut rest, |char| char.is_ascii_digit() || char == '.');
        let unit: u64 = match take_while(&mut rest, |char| !char.is_ascii_digit() && char != '.') {
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            _ => return Err(DurationError::Form),
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if !is_digits(&format!("{whole}{fraction}")) {
            return Err(DurationError::Form);
        }
        let mut part = match whole {
            "" => 0,
            whole => whole.parse::<u64>().map_err(|_| DurationError::Range)?,
        }
        .checked_mul(unit)
        .ok_or(DurationError::Range)?;
        let mut place = unit;
        for digit in fraction.bytes() {
            place /= 10;
            // Less than a unit in all: only the sum with the whole can be too large.
            let digit = u64::from(digit - b'0') * place;
            part = part.checked_add(digit).ok_or(DurationError::Range)?;
        }
        nanoseconds = nanoseconds.checked_add(part).ok_or(DurationError::Range)?;
    }
    match nanoseconds / 1_000_000_000 {
        _ if text.is_empty() => Err(DurationError::Form),
        seconds if seconds > u64::from(u32::MAX) => Err(DurationError::Range),
        seconds => Ok(seconds),
    }
}

fn take_while<'t>(rest: &mut &'t str, belongs: impl Fn(char) -> bool) -> &'t str {
    let end = rest.find(|char| !belongs(char)).unwrap_or(rest.len());
    let (taken, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
    *rest = after;
    taken
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_go_s() {
        for (text, seconds) in [
            ("0", Some(0)),
            ("600", Some(600)),
            ("12h", Some(43_200)),
            ("1h30m", Some(5_400)),
            ("1.5h", Some(5_400)),
            (".5m", Some(30)),
            ("1500ms", Some(1)),
            ("999999999ns", Some(0)),
            ("3us2µs1μs", Some(0)),
            ("", None),
            ("1 day", None),
            ("10 m", None),
            ("1d", None),
            ("h", None),
            (".h", None),
            ("1.2.3s", None),
            ("-1s", None),
            ("99999999999", None),
            ("999999999999h", None),
            ("5124095.9h", None),
            ("18446744073.8s", None),
            ("18446744073709551615.9ns", None),
            ("0.99999999999999999999s", Some(0)),
        ] {
            assert_eq!(parse_duration(text).ok(), seconds, "{text}");
        }
    }
}
