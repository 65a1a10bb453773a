//! JSON as `JSON.parse` takes it. Rows S17, SIO-02, SIO-24.

use super::show::check;

/// Values as they stand in a packet, and as they are read.
pub(crate) const VALUES: &[(&str, &str)] = &[
    ("null", "null"),
    ("true", "true"),
    ("false", "false"),
    ("0", "0"),
    ("-0", "-0.0"),
    ("-1", "-1"),
    ("9007199254740991", "9007199254740991"),
    ("18446744073709551615", "18446744073709551615"),
    ("-9223372036854775808", "-9223372036854775808"),
    ("18446744073709551616", "1.8446744073709552e19"),
    ("0.1", "0.1"),
    ("1E400", "inf"),
    ("-1e400", "-inf"),
    ("1e-400", "0.0"),
    ("1.0", "1.0"),
    ("1e3", "1000.0"),
    ("123456789012345678901234567890", "1.2345678901234568e29"),
    (r#""""#, r#""""#),
    (r#""\u0000\u001f\u007f""#, r#""\0\u{1f}\u{7f}""#),
    ("\"\u{7f}\u{80}\u{2028}\u{feff}\"", "\"\\u{7f}\\u{80}\\u{2028}\\u{feff}\""),
    (r#""\u00E9\u00e9""#, r#""éé""#),
    (r#""\uD83D\uDE00""#, r#""😀""#),
    (r#""\/\\\"\b\f\n\r\t""#, r#""/\\\"\u{8}\u{c}\n\r\t""#),
    ("[]", "[]"),
    ("{}", "{}"),
    ("\t[\r\n1 ,2 ] ", "[1,2]"),
    (r#"{"":0," ":1}"#, r#"{"":0," ":1}"#),
    (r#"{"2":0,"1":1}"#, r#"{"2":0,"1":1}"#),
    (r#"{"\u0061":1}"#, r#"{"a":1}"#),
    (r#"{"toString":1,"constructor":{"prototype":{}}}"#, r#"{"toString":1,"constructor":{"prototype":{}}}"#),
    (r#"{"__proto__":null}"#, r#"{"__proto__":null}"#),
];

/// What `JSON.parse` refuses.
pub(crate) const REFUSED: &[&str] = &[
    "",
    ",",
    "undefined",
    "NaN",
    "Infinity",
    "-Infinity",
    "-",
    "+1",
    "01",
    "00",
    "-01",
    "1.",
    ".5",
    "1.e5",
    "1e",
    "1e+",
    "0x10",
    "1_000",
    "1n",
    "nul",
    "nulll",
    "True",
    "TRUE",
    "'a'",
    "`a`",
    "\"",
    "\"a",
    "\"\\\"",
    "\"\\x41\"",
    "\"\\u12\"",
    "\"\\u12g4\"",
    "\"\\u+123\"",
    "\"\\U0041\"",
    "\"\t\"",
    "\"\n\"",
    "\"\0\"",
    "[",
    "[1",
    "[1,",
    "[1,]",
    "[,]",
    "[1 2]",
    "[1}",
    "{",
    "{\"a\"",
    "{\"a\":",
    "{\"a\":1",
    "{\"a\":1,}",
    "{,}",
    "{\"a\" 1}",
    "{\"a\":1]",
    "{a:1}",
    "{1:1}",
    "{null:1}",
    "{[]:1}",
    "{\"a\":1 \"b\":2}",
    "1 2",
    "// c\n1",
    "/**/1",
    "#1",
    "\u{a0}1",
    "\u{feff}1",
    "\u{b}1",
    "1\u{2028}",
    "\\u0031",
    "]",
    "}",
    "(1)",
];

#[test]
fn what_javascript_parses_is_passed_on_unchanged() {
    for (json, expected) in VALUES {
        check(&format!("2[\"e\",{json}]"), &format!("EVENT / [\"e\",{expected}]"));
        check(&format!("31[{json},{{\"a\":{json}}}]"), &format!("ACK / #1 [{expected},{{\"a\":{expected}}}]"));
    }
}

#[test]
fn what_javascript_refuses_is_refused() {
    for json in REFUSED {
        for text in [
            format!("2[\"e\",{json}]"),
            format!("31[1,{json}]"),
            format!("0{{\"a\":{json}}}"),
            format!("2[\"e\",[0,{json}]]"),
        ] {
            check(&text, "error: invalid payload");
        }
    }
}

#[test]
fn of_two_members_with_one_name_the_last_counts() {
    let value: fanfare_proto::socket::Value = serde_json::from_str(r#"{"a":1,"b":0,"a":2}"#).unwrap();
    assert_eq!(value["a"].as_f64(), Some(2.0));
    assert_eq!(serde_json::to_string(&value).unwrap(), r#"{"a":1,"b":0,"a":2}"#, "it is passed on as it came");
}
