//! Numbers are printed as JavaScript prints them.

use fanfare_proto::socket::Parser;
use proptest::prelude::*;
use serde::Serialize;

use super::{given, tries};

/// A number as it is sent.
fn sent(number: impl Serialize) -> String {
    let packet = Parser::Json.encode_ack("/", 0, &(number,)).unwrap();
    let text = std::str::from_utf8(packet.head.as_slice()).unwrap();
    text.strip_prefix("30[").and_then(|text| text.strip_suffix(']')).expect("one argument").to_owned()
}

/// The same from another end: from the decimal text without exponent that Rust prints.
fn model(plain: &str) -> String {
    let (sign, digits) = plain.strip_prefix('-').map_or(("", plain), |digits| ("-", digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let significant = format!("{whole}{fraction}");
    let significant = significant.trim_start_matches('0');
    if significant.is_empty() {
        return "0".to_owned();
    }
    // The power of ten of the first digit.
    let exponent = match whole.trim_start_matches('0').len() {
        0 => -1 - (fraction.len() - significant.len()) as i32,
        len => len as i32 - 1,
    };
    if (-7..21).contains(&exponent) && exponent != -7 {
        return plain.to_owned();
    }
    let significant = significant.trim_end_matches('0');
    let (first, rest) = significant.split_at(1);
    let point = if rest.is_empty() { "" } else { "." };
    let plus = if exponent > 0 { "+" } else { "" };
    format!("{sign}{first}{point}{rest}e{plus}{exponent}")
}

#[test]
fn the_model_is_javascript() {
    for (number, expected) in [
        (0.0, "0"),
        (-0.0, "0"),
        (1.0, "1"),
        (-12.5, "-12.5"),
        (1e20, "100000000000000000000"),
        (999_999_999_999_999_900_000.0, "999999999999999900000"),
        (1e21, "1e+21"),
        (-1.5e300, "-1.5e+300"),
        (0.000_001, "0.000001"),
        (0.000_001_5, "0.0000015"),
        (0.000_000_1, "1e-7"),
        (-1.25e-9, "-1.25e-9"),
        (5e-324, "5e-324"),
        (f64::MAX, "1.7976931348623157e+308"),
    ] {
        assert_eq!(model(&number.to_string()), expected);
        assert_eq!(sent(number), expected);
    }
}

proptest! {
    #![proptest_config(tries(2000))]

    #[test]
    fn numbers_are_those_of_javascript(number in given::number()) {
        let text = sent(number);
        prop_assert_eq!(&text, &model(&number.to_string()));
        prop_assert_eq!(text.parse::<f64>(), Ok(number));
    }

    #[test]
    fn single_precision_is_printed_as_short_as_it_is(bits in any::<u32>()) {
        let number = f32::from_bits(bits);
        prop_assume!(number.is_finite());
        let text = sent(number);
        prop_assert_eq!(&text, &model(&number.to_string()));
        prop_assert_eq!(text.parse::<f32>(), Ok(number));
    }

    #[test]
    fn integers_are_exact(signed in any::<i64>(), unsigned in any::<u64>(), large in any::<i128>()) {
        prop_assert_eq!(sent(signed), signed.to_string());
        prop_assert_eq!(sent(unsigned), unsigned.to_string());
        prop_assert_eq!(sent(large), large.to_string());
    }

    #[test]
    fn an_event_is_named_by_a_number_as_javascript_prints_it(number in given::number()) {
        let text = format!("2[{number:e}]");
        let mut decoder = super::exchange::decoder(Parser::Json);
        let Ok(fanfare_proto::socket::Decoded::Packet(packet)) = decoder.handle_text(&text) else { panic!("{text}") };
        let fanfare_proto::socket::Body::Event { name, .. } = packet.body else { panic!("{text}") };
        prop_assert_eq!(name, sent(number));
    }
}
