//! Numbers of 80 bits, which INCRBYFLOAT adds: `long double` of the machines that most Redis servers run on. Every step
//! is exact up to one rounding to the nearest number, to the even one of two, as in the processor and the C library.

use num_bigint::{BigInt, BigUint, Sign};

/// Bits of a significand.
const BITS: i64 = 64;
/// The power of two of the last bit of the smallest numbers.
const LEAST_POWER: i64 = -16_445;
/// The power of two of the last bit of the largest numbers.
const MOST_POWER: i64 = 16_320;
/// Beyond this power of ten is nothing but infinity, and below its negative nothing but zero.
const MOST_TENS: i64 = 5_000;
/// The longest number that is read, in bytes.
const LONGEST: usize = 5 * 1024 - 1;
/// Digits behind the point that are shown.
const DIGITS: usize = 17;

/// A number of 80 bits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Extended {
    /// A significand of at most 64 bits with its sign, times a power of two.
    Finite(BigInt, i64),
    /// Too large, of either sign.
    Infinite,
}

impl From<i64> for Extended {
    fn from(number: i64) -> Self {
        Extended::Finite(number.into(), 0)
    }
}

impl Extended {
    /// Reads what C's `strtold` reads whole: digits with a point, a power of ten, hexadecimal digits with a power of
    /// two, infinity. None if it is no number or beyond what 80 bits hold.
    pub(super) fn read(text: &[u8]) -> Option<Self> {
        if text.len() > LONGEST {
            return None;
        }
        let (sign, unsigned) = match text {
            [b'-', unsigned @ ..] => (Sign::Minus, unsigned),
            [b'+', unsigned @ ..] => (Sign::Plus, unsigned),
            unsigned => (Sign::Plus, unsigned),
        };
        if [&b"inf"[..], b"infinity"].iter().any(|word| unsigned.eq_ignore_ascii_case(word)) {
            return Some(Extended::Infinite);
        }
        let (significand, power) = match unsigned {
            [b'0', b'x' | b'X', digits @ ..] => {
                let (digits, places, power) = split(digits, 16, b'p')?;
                round(digits, 1u8.into(), power.saturating_sub(4 * places))?
            }
            digits => {
                let (digits, places, power) = split(digits, 10, b'e')?;
                let tens = power.saturating_sub(places);
                // Less than a third of its bits, at least one, are its digits.
                let most_tens = tens.saturating_add(digits.bits() as i64 / 3 + 1);
                if digits == BigUint::ZERO {
                    (digits, 0)
                } else if tens > MOST_TENS || most_tens < -MOST_TENS {
                    return None;
                } else if tens >= 0 {
                    round(digits * power_of_ten(tens), 1u8.into(), 0)?
                } else {
                    round(digits, power_of_ten(-tens), 0)?
                }
            }
        };
        Some(Extended::Finite(BigInt::from_biguint(sign, significand), power))
    }

    /// The sum. The difference of two infinities is no number, and counts as infinite here.
    pub(super) fn plus(self, other: Self) -> Self {
        let (Extended::Finite(one, power), Extended::Finite(two, other_power)) = (self, other) else {
            return Extended::Infinite;
        };
        let least = power.min(other_power);
        let (sign, sum) = ((one << (power - least)) + (two << (other_power - least))).into_parts();
        let rounded = round(sum, 1u8.into(), least);
        rounded.map_or(Extended::Infinite, |(sum, power)| Extended::Finite(BigInt::from_biguint(sign, sum), power))
    }

    /// Its decimal digits, 17 behind the point at most and without zeros at the end; none if it is infinite.
    pub(super) fn digits(&self) -> Option<String> {
        let Extended::Finite(significand, power) = self else { return None };
        let scaled = significand.magnitude() * power_of_ten(DIGITS as i64);
        let scaled = if *power < 0 { halve(&scaled, power.unsigned_abs(), false) } else { scaled << *power };
        let mut digits = format!("{scaled:0>width$}", width = DIGITS + 1);
        digits.insert(digits.len() - DIGITS, '.');
        let shown = digits.trim_end_matches('0').trim_end_matches('.');
        Some(if significand.sign() == Sign::Minus && shown != "0" { format!("-{shown}") } else { shown.to_owned() })
    }
}

fn power_of_ten(power: i64) -> BigUint {
    BigUint::from(10u8).pow(power as u32)
}

/// The digits of a number without its point, how many were behind it, and the power that `mark` introduces. A power
/// that is out of range becomes one that is out of any.
fn split(text: &[u8], radix: u32, mark: u8) -> Option<(BigUint, i64, i64)> {
    let end = text.iter().position(|byte| byte.eq_ignore_ascii_case(&mark)).unwrap_or(text.len());
    let (digits, power) = text.split_at(end);
    let point = digits.iter().position(|byte| *byte == b'.').unwrap_or(digits.len());
    let places = digits.len().saturating_sub(point + 1);
    let mut whole = digits.to_vec();
    whole.retain(|byte| *byte != b'.');
    let is_digit = |byte: &u8| char::from(*byte).is_digit(radix);
    if whole.is_empty() || digits.len() - whole.len() > 1 || !whole.iter().all(is_digit) {
        return None;
    }
    let power = match power {
        [] => 0,
        [_, b'-', power @ ..] => -read_power(power)?,
        [_, b'+', power @ ..] | [_, power @ ..] => read_power(power)?,
    };
    Some((BigUint::parse_bytes(&whole, radix)?, places as i64, power))
}

fn read_power(digits: &[u8]) -> Option<i64> {
    let add = |power: i64, digit: &u8| power.saturating_mul(10).saturating_add(i64::from(digit - b'0'));
    let valid = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    valid.then(|| digits.iter().fold(0, add))
}

/// The nearest significand and power of two for the quotient of `dividend` and `divisor`, times two to the `power`.
/// None if it is too large, or too small without being zero.
fn round(dividend: BigUint, divisor: BigUint, power: i64) -> Option<(BigUint, i64)> {
    if dividend == BigUint::ZERO {
        return Some((dividend, 0));
    }
    // The quotient has two or three bits more than a significand, so what is cut off tells how to round; the smallest
    // numbers have a fixed last bit.
    let magnitude = power.saturating_add(dividend.bits() as i64 - divisor.bits() as i64);
    if !(LEAST_POWER - 1..=MOST_POWER + BITS + 1).contains(&magnitude) {
        return None;
    }
    let last = (magnitude - BITS - 2).max(LEAST_POWER - 2);
    let shift = power - last;
    let (dividend, divisor) = if shift < 0 { (dividend, divisor << -shift) } else { (dividend << shift, divisor) };
    let quotient = &dividend / &divisor;
    let inexact = &quotient * divisor != dividend;
    let cut = (quotient.bits() as i64 - BITS).max(LEAST_POWER - last);
    let mut significand = halve(&quotient, cut.unsigned_abs(), inexact);
    let mut power = last + cut;
    if significand.bits() as i64 > BITS {
        significand >>= 1;
        power += 1;
    }
    (significand != BigUint::ZERO && power <= MOST_POWER).then_some((significand, power))
}

/// Halves a number `times` times and rounds the result to the nearest integer, to the even one if two are as near.
/// `inexact` says that the number is a little larger than given.
fn halve(number: &BigUint, times: u64, inexact: bool) -> BigUint {
    let floor = number >> times;
    let above_half = times > 0 && number.bit(times - 1);
    let is_half = !inexact && number.trailing_zeros().is_some_and(|zeros| zeros + 1 == times);
    if above_half && (!is_half || floor.bit(0)) { floor + 1u8 } else { floor }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(text: &str) -> Option<String> {
        Extended::read(text.as_bytes())?.digits()
    }

    #[test]
    fn digits_are_those_of_the_nearest_number_of_80_bits() {
        for (text, digits) in [
            ("0.1", "0.1"),
            ("3.34", "3.34"),
            ("839.837361", "839.83736100000000002"),
            ("70600972441538207331619", "70600972441538207330304"),
            ("18446744073709551615", "18446744073709551615"),
            ("18446744073709551617", "18446744073709551616"),
            ("18446744073709551619", "18446744073709551620"),
            ("1e-17", "0.00000000000000001"),
            ("4e-18", "0"),
            ("-4e-18", "0"),
            ("-0", "0"),
            (".5", "0.5"),
            ("5.", "5"),
            ("+0.250e+1", "2.5"),
            ("0x1.8p3", "12"),
            ("0XA", "10"),
            ("0e99999999999999999999", "0"),
            ("3.6e-4951", "0"),
        ] {
            assert_eq!(shown(text).as_deref(), Some(digits), "{text}");
        }
    }

    #[test]
    fn what_is_no_number_or_out_of_range_is_refused() {
        for text in [
            "",
            ".",
            "-",
            "e5",
            "1e",
            "1e+",
            "1 ",
            " 1",
            "--1",
            "1.2.3",
            "1_0",
            "0x",
            "0x.p1",
            "0x1p",
            "nan",
            "1f",
            "0b1",
            "1e4933",
            "1.2e4932",
            "1e-4952",
            "1.8e-4951",
            "1e99999999999999999999",
            "1e-99999999999999999999",
            "0x1p16384",
            "0x1p-16446",
            "0x1p9223372036854775807",
        ] {
            assert_eq!(Extended::read(text.as_bytes()), None, "{text}");
        }
        assert_eq!(Extended::read(&[b'1'; 5120]), None);
        assert!(Extended::read(&[b'0'; 5119]).is_some());
    }

    #[test]
    fn the_largest_number_is_followed_by_infinity() {
        let largest = Extended::read(b"0xffffffffffffffffp16320").expect("it is the largest number");
        let half_step = Extended::read(b"0x1p16319").expect("it is small enough");
        let less = Extended::read(b"0x1.fffffffffffffp16318").expect("it is small enough");
        assert_eq!(largest.clone().plus(less), largest);
        assert_eq!(largest.plus(half_step), Extended::Infinite);
        assert_eq!(Extended::Infinite.digits(), None);
    }

    proptest! {
        #[test]
        fn integers_of_64_bits_are_exact(number: i64) {
            prop_assert_eq!(Extended::from(number).digits(), Some(number.to_string()));
            prop_assert_eq!(shown(&number.to_string()), Some(number.to_string()));
        }

        #[test]
        fn numbers_of_64_bits_are_exact(number in -1e15..1e15f64) {
            // All digits of a number of 64 bits, of which 17 behind the point are asked for.
            let digits = format!("{number:.17}");
            let digits = digits.trim_end_matches('0').trim_end_matches('.');
            let digits = if digits == "-0" { "0" } else { digits };
            prop_assert_eq!(shown(&format!("{number:.60}")), Some(digits.to_owned()));
        }

        #[test]
        fn sums_of_integers_are_exact_within_64_bits(one: i32, two: i32, places in 0..40i32) {
            let scaled = |number: i32| {
                let sign = if number < 0 { "-" } else { "" };
                let text = format!("{sign}0x{:x}p-{places}", number.unsigned_abs());
                Extended::read(text.as_bytes()).expect("it is a number")
            };
            let sum = (f64::from(one) + f64::from(two)) / 2f64.powi(places);
            prop_assert_eq!(scaled(one).plus(scaled(two)).digits(), shown(&format!("{sum:.60}")));
        }
    }
}
