//! Floating-point numbers as text, as Redis writes them since 7.2.
//!
//! Source: `d2string` and `double2ll` in Redis 7.4 (util.c), `emit_digits` (deps/fpconv/fpconv_dtoa.c).

/// The least digits that read as this number again: no fraction where there is none, a power of ten where zeros would be
/// many, and `inf`, `-inf` and `nan`.
pub(crate) fn text(value: f64) -> String {
    if value.is_nan() {
        return "nan".into();
    }
    if value.is_infinite() {
        return if value > 0.0 { "inf" } else { "-inf" }.into();
    }
    match whole(value) {
        Some(number) if number != 0 => number.to_string(),
        _ => digits(value),
    }
}

/// A number without a fraction, if it is not larger than half of what an integer can be.
pub(crate) fn whole(value: f64) -> Option<i64> {
    const HALF: f64 = (1u64 << 62) as f64;
    ((-HALF..=HALF).contains(&value) && value.fract() == 0.0).then_some(value as i64)
}

fn digits(value: f64) -> String {
    let scientific = format!("{value:e}");
    let Some((mantissa, exponent)) = scientific.split_once('e') else { return scientific };
    let exponent: i32 = exponent.parse().unwrap_or_default();
    let count = mantissa.bytes().filter(u8::is_ascii_digit).count() as i32;
    // The power of ten of the last digit.
    let last = exponent + 1 - count;
    let plain = if last >= 0 { exponent < count + 7 } else { last > -7 || exponent.abs() < 4 };
    match (plain, exponent < 0) {
        (true, _) => value.to_string(),
        (false, true) => scientific,
        (false, false) => format!("{mantissa}e+{exponent}"),
    }
}

#[cfg(test)]
mod tests {
    use super::text;

    #[test]
    fn doubles_are_written_as_redis_writes_them() {
        for (value, expected) in [
            (3.0, "3"),
            (-0.0, "-0"),
            (0.25, "0.25"),
            (-0.1, "-0.1"),
            (1.0 / 3.0, "0.3333333333333333"),
            (1e17, "100000000000000000"),
            (1e19, "1e+19"),
            (12345678901234567890.0, "12345678901234567000"),
            (1.5e300, "1.5e+300"),
            (0.000001, "0.000001"),
            (0.0000001, "1e-7"),
            (0.00012345, "1.2345e-4"),
            (1.25e-10, "1.25e-10"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
            (f64::NAN, "nan"),
        ] {
            assert_eq!(text(value), expected);
        }
    }
}
