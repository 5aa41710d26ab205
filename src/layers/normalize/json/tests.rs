use http::{Response, StatusCode, response};
use proptest::prelude::*;
use serde::de::{Deserializer as _, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::{JsonReader, Members, Unreadable};
use crate::{
    Error,
    layers::normalize::{End, Failure, Reader, Verdict},
};

/// Notes the members, and stops at one.
#[derive(Debug, Default)]
struct Notes {
    stop_at: Option<&'static str>,
    seen: Vec<(String, String)>,
    end: Option<Result<(), String>>,
}

/// The typed error, which is never made.
#[derive(Clone, Debug, PartialEq)]
struct Never;

impl From<Never> for Error {
    fn from(_: Never) -> Self {
        unreachable!("nobody makes it")
    }
}

impl Members for Notes {
    type Error = Never;

    fn member(&mut self, name: &str, value: &RawValue) -> Verdict<Never> {
        self.seen.push((name.into(), value.get().into()));
        match self.stop_at == Some(name) {
            true => Verdict::Pass,
            false => Verdict::More,
        }
    }

    fn end(&mut self, end: Result<(), Unreadable<'_>>) -> Option<Failure<Never>> {
        assert!(self.end.is_none(), "told of the end twice");
        self.end = Some(end.map_err(|why| format!("{why:?}")));
        None
    }
}

#[test]
fn members_come_with_their_names_and_values_as_they_stand() {
    let text = br#" { "a" : 1 , "b\u0062" :[1,{"a":"]}"}], "":"\"", "c":{} ,"a":null,"d":1.50 } "#;
    let notes = read_in_pieces(text, text.len(), None);
    let expected = [
        ("a", "1"),
        ("bb", r#"[1,{"a":"]}"}]"#),
        ("", r#""\"""#),
        ("c", "{}"),
        ("a", "null"),
        ("d", "1.50"),
    ];
    assert_eq!(notes.seen, expected.map(|(a, b)| (a.into(), b.into())));
    assert_eq!(notes.end, Some(Ok(())));
}

#[test]
fn a_verdict_is_had_with_the_last_byte_that_it_takes() {
    for (decisive, behind) in [
        (r#"{"x":1,"stop":{"a":1}"#, r#","y":2}"#),
        (r#"{"x":1,"stop":[1]"#, r#" , "y":2}"#),
        (r#"{"stop":"a\"b""#, r#"}"#),
        // A number or a word goes on until something else comes.
        (r#"{"stop":12,"#, r#""y":2}"#),
        (r#"{"stop":true}"#, r#" "#),
        ("\u{FEFF}{\"stop\":{}", "}"),
    ] {
        let text = [decisive, behind].concat();
        let mut reader = reader(Some("stop"));
        for length in 0..=text.len() {
            let verdict = reader.body(&text.as_bytes()[..length]);
            let is_had = verdict != Verdict::More;
            assert_eq!(is_had, length >= decisive.len(), "{text} at {length}");
            if is_had {
                break;
            }
        }
        // And at once, if all of it is there.
        assert_eq!(
            self::reader(Some("stop")).body(text.as_bytes()),
            Verdict::Pass
        );
    }
}

#[test]
fn what_is_no_object_is_known_by_its_first_byte() {
    for text in [
        "<",
        "[",
        "\"",
        "1",
        "n",
        "}",
        "\u{FEFF}<",
        "  \r\n\t<",
        "\u{C}",
    ] {
        let notes = read_in_pieces(text.as_bytes(), 1, None);
        assert_eq!(notes.end, Some(Err("NoObject".into())), "{text:?}");
    }
}

#[test]
fn what_breaks_off_or_is_broken_is_told_apart() {
    for (text, expected) in [
        ("", "Empty"),
        (" \n", "Empty"),
        ("\u{FEFF}", "Empty"),
        ("{", "Truncated"),
        (r#"{"a"#, "Truncated"),
        (r#"{"a":"}"#, "Truncated"),
        (r#"{"a":1"#, "Truncated"),
        (r#"{"a":{}"#, "Truncated"),
        (r#"{"a":1,}"#, "Malformed { member: None }"),
        (r#"{,}"#, "Malformed { member: None }"),
        (r#"{"a":1 "b":2}"#, r#"Malformed { member: Some("a") }"#),
        (r#"{"a":{} "b":2}"#, "Malformed { member: None }"),
        (r#"{"a":{}]"#, "Malformed { member: None }"),
        (r#"{"a"}"#, "Malformed { member: None }"),
        (r#"{1:2}"#, "Malformed { member: None }"),
        (r#"{"a\x":2}"#, "Malformed { member: None }"),
        ("{\"a\"\u{C}:2}", "Malformed { member: None }"),
        (r#"{"a":[}}"#, r#"Malformed { member: Some("a") }"#),
        (r#"{"a":tru}"#, r#"Malformed { member: Some("a") }"#),
        (r#"{"a":}"#, r#"Malformed { member: Some("a") }"#),
    ] {
        let notes = read_in_pieces(text.as_bytes(), 1, None);
        assert_eq!(notes.end, Some(Err(expected.into())), "{text:?}");
    }
    let mut reader = reader(None);
    assert_eq!(reader.body(br#"{"a":"#), Verdict::More);
    assert!(reader.end(br#"{"a":"#, End::OverCap).is_none());
    assert_eq!(reader.into_members().end, Some(Err("OverCap".into())));
}

#[test]
fn only_whole_answers_that_may_be_json_are_read() {
    let told = |status: u16, headers: &[(&str, &str)]| {
        let mut response = Response::builder().status(status);
        for (name, value) in headers {
            response = response.header(*name, *value);
        }
        let mut reader = reader(None);
        let verdict = reader.head(&parts(response.body(()).unwrap()));
        (verdict, reader.into_members().end)
    };
    for kind in [
        "application/json",
        "Application/JSON ; charset=utf-8",
        "application/problem+json",
        "text/json",
        "text/html",
        "text/plain;charset=UTF-8",
    ] {
        assert_eq!(
            told(200, &[("content-type", kind)]).0,
            Verdict::More,
            "{kind}"
        );
    }
    assert_eq!(told(201, &[]).0, Verdict::More);
    let identity = [("content-encoding", "Identity")];
    assert_eq!(told(200, &identity).0, Verdict::More);
    for status in [206, 302, 400, 401, 500] {
        assert_eq!(told(status, &[]), (Verdict::Pass, None), "{status}");
    }
    for kind in [
        "text/event-stream",
        "image/png",
        "application/octet-stream",
        "json",
    ] {
        let expected = (Verdict::Pass, Some(Err("ContentType".into())));
        assert_eq!(told(200, &[("content-type", kind)]), expected, "{kind}");
    }
    for encoding in ["gzip", "identity, br"] {
        let expected = (Verdict::Pass, Some(Err("Encoded".into())));
        assert_eq!(told(200, &[("content-encoding", encoding)]), expected);
    }
}

proptest! {
    /// However a text is cut, the members are those that a parser of the whole finds.
    #[test]
    fn members_are_those_of_a_full_parse(text in like_an_object(), piece in 1..20_usize) {
        let notes = read_in_pieces(text.as_bytes(), piece, None);
        let (expected, is_whole) = parsed(&text);
        prop_assert_eq!(notes.end == Some(Ok(())), is_whole);
        // Where it is broken the parser gives the member before as well, be it a part of that.
        let but_last = expected.split_last().map_or(&[][..], |(_, before)| before);
        prop_assert!(
            notes.seen == expected || !is_whole && notes.seen == but_last,
            "{:?} and not {:?}", notes.seen, expected
        );
        // And it does not depend on how the text is cut.
        let whole = read_in_pieces(text.as_bytes(), usize::MAX, None);
        prop_assert_eq!((notes.seen, notes.end), (whole.seen, whole.end));
    }

    #[test]
    fn nothing_panics(bytes in prop::collection::vec(any::<u8>(), 0..64), piece in 1..9_usize) {
        let with_bracket = [b"{".as_slice(), &bytes].concat();
        for text in [&bytes, &with_bracket] {
            prop_assert!(read_in_pieces(text, piece, None).end.is_some());
        }
    }
}

// === helpers ===

fn reader(stop_at: Option<&'static str>) -> JsonReader<Notes> {
    JsonReader::new(Notes {
        stop_at,
        ..Notes::default()
    })
}

/// Reads `text`, of which `piece` bytes more come each time.
fn read_in_pieces(text: &[u8], piece: usize, stop_at: Option<&'static str>) -> Notes {
    let mut reader = reader(stop_at);
    let mut length = 0;
    while length < text.len() {
        length = length.saturating_add(piece).min(text.len());
        if reader.body(&text[..length]) != Verdict::More {
            return reader.into_members();
        }
    }
    assert!(reader.end(text, End::Whole { trailers: None }).is_none());
    reader.into_members()
}

/// The members of the object that `text` begins with, and whether it is one to its end.
fn parsed(text: &str) -> (Vec<(String, String)>, bool) {
    struct All<'a>(&'a mut Vec<(String, String)>);

    impl<'de> Visitor<'de> for All<'_> {
        type Value = ();

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
            while let Some(name) = map.next_key::<String>()? {
                let value: &RawValue = map.next_value()?;
                self.0.push((name, value.get().into()));
            }
            Ok(())
        }
    }

    let mut members = Vec::new();
    let mut parser = serde_json::Deserializer::from_str(text);
    let is_whole = parser.deserialize_map(All(&mut members)).is_ok();
    (members, is_whole)
}

/// An object, and what looks like one but for a few characters.
fn like_an_object() -> impl Strategy<Value = String> {
    let value = prop_oneof![
        Just("null".to_owned()),
        Just("12".to_owned()),
        Just("-1.5e3".to_owned()),
        "[a-z{}\\[\\]:, ]{0,6}".prop_map(|text| format!("{text:?}")),
        Just(r#""\\\"\u00e9""#.to_owned()),
        Just(r#"{"a":[{"b":"}"},[]], "c" : {}}"#.to_owned()),
        Just("[ ]".to_owned()),
    ];
    let space = prop_oneof![4 => Just(""), 1 => Just(" "), 1 => Just("\n\t")];
    let member = ("[a-c]{0,2}", space.clone(), value, space)
        .prop_map(|(name, before, value, behind)| format!("\"{name}\"{before}:{value}{behind}"));
    let object =
        prop::collection::vec(member, 0..5).prop_map(|all| format!("{{{}}}", all.join(",")));
    (
        object,
        any::<prop::sample::Index>(),
        prop::option::of("[{}\\[\\]\",:0a]?"),
    )
        .prop_map(|(mut object, at, instead)| {
            if let Some(instead) = instead {
                let at = at.index(object.len());
                object.replace_range(at..=at, &instead);
            }
            object
        })
}

fn parts(response: Response<()>) -> response::Parts {
    let parts = response.into_parts().0;
    assert_ne!(parts.status, StatusCode::CONTINUE);
    parts
}
