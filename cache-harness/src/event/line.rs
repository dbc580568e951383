//! An event as a line of JSON: written by hand, read by serde.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use super::{Event, Evict, MissReason, Placement, Request, Via, Warning};

/// The first line of a process's file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Header {
    /// The version of the format: [`Header::VERSION`] or what a newer program wrote.
    pub(crate) version: u32,
    /// The run.
    #[serde(default)]
    pub(crate) run: String,
    /// The catalog that was in force.
    #[serde(default)]
    pub(crate) project: Option<String>,
    /// When the process logged first, RFC 3339.
    #[serde(default)]
    pub(crate) started: String,
    /// The process.
    #[serde(default)]
    pub(crate) pid: u32,
    /// What it was called as.
    #[serde(default)]
    pub(crate) argv0: String,
}

impl Header {
    /// What this program writes. Fields and kinds may be added without a new number.
    pub(crate) const VERSION: u32 = 1;
}

/// A line as a reader finds it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Line {
    /// Who wrote the file.
    Header(Header),
    /// What happened.
    Event(Event),
    /// Well-formed, but of a kind that only a newer program knows.
    Unknown,
    /// Cut by a kill or damaged.
    Unreadable,
}

/// The kinds of [`Event`]: a line of one of these that does not parse is damaged, not new.
const KINDS: [&str; 3] = ["request", "evict", "warning"];

#[derive(Deserialize)]
struct Kind {
    event: String,
}

impl Line {
    /// Reads one line; the line break may be there or not.
    pub(crate) fn parse(line: &[u8]) -> Self {
        if let Ok(event) = serde_json::from_slice(line) {
            return Self::Event(event);
        }
        if let Ok(header) = serde_json::from_slice(line) {
            return Self::Header(header);
        }
        match serde_json::from_slice::<Kind>(line) {
            Ok(Kind { event }) if !KINDS.contains(&event.as_str()) => Self::Unknown,
            _ => Self::Unreadable,
        }
    }
}

impl Event {
    /// Appends this event as one line to `buffer`. Fields that have their default are left out.
    pub(crate) fn write_line(&self, buffer: &mut String) {
        match self {
            Self::Request(request) => write_request(Object::open(buffer, "request", request.at), request),
            Self::Evict(Evict { at, model, bytes, reason }) => {
                let mut object = Object::open(buffer, "evict", *at);
                object.text("model", model);
                object.number("bytes", *bytes);
                object.text("reason", reason);
                object.close();
            }
            Self::Warning(Warning { at, text }) => {
                let mut object = Object::open(buffer, "warning", *at);
                object.text("text", text);
                object.close();
            }
        }
    }
}

fn write_request(mut object: Object<'_>, request: &Request) {
    object.optional("test", request.test.as_deref());
    object.text("model", &request.model);
    object.text("outcome", request.outcome.as_str());
    object.seconds("seconds", request.seconds);
    object.seconds("waited_seconds", request.waited_seconds);
    object.seconds("saved_seconds", request.saved_seconds);
    if request.via != Via::default() {
        object.text("via", request.via.as_str());
    }
    object.optional("provider", Some(request.provider.as_str()).filter(|name| !name.is_empty()));
    object.optional("file", request.file.as_deref());
    if let Some(line) = request.line {
        object.key("line");
        object.display(line);
    }
    object.number("bytes", request.bytes);
    object.number("fetched_bytes", request.fetched_bytes);
    object.number("adopted_bytes", request.adopted_bytes);
    object.number("retries", request.retries.into());
    object.number("resumes", request.resumes.into());
    if !request.repairs.is_empty() {
        object.texts("repairs", &request.repairs);
    }
    object.optional("fallback_for", request.fallback_for.as_deref());
    if request.bypass {
        object.key("bypass");
        object.0.push_str("true");
    }
    object.optional("reason", request.reason.as_deref());
    object.seconds("fetch_seconds", request.fetch_seconds);
    object.optional("miss_reason", request.miss_reason.map(MissReason::as_str));
    if request.placement != Placement::default() {
        object.text("placement", request.placement.as_str());
    }
    object.close();
}

/// A JSON object being written.
struct Object<'a>(&'a mut String);

impl<'a> Object<'a> {
    fn open(buffer: &'a mut String, kind: &str, at: f64) -> Self {
        buffer.push_str("{\"event\":\"");
        buffer.push_str(kind);
        buffer.push('"');
        let mut object = Self(buffer);
        object.seconds("at", at);
        object
    }

    fn close(self) {
        self.0.push_str("}\n");
    }

    fn key(&mut self, key: &str) {
        self.0.push_str(",\"");
        self.0.push_str(key);
        self.0.push_str("\":");
    }

    fn display(&mut self, value: impl std::fmt::Display) {
        // Writing to a `String` has no error.
        let _ = write!(self.0, "{value}");
    }

    fn number(&mut self, key: &str, value: u64) {
        if value != 0 {
            self.key(key);
            self.display(value);
        }
    }

    /// JSON has no word for what is not finite, so that is left out as zero is.
    fn seconds(&mut self, key: &str, value: f64) {
        if value != 0.0 && value.is_finite() {
            self.key(key);
            self.display(value);
        }
    }

    fn text(&mut self, key: &str, value: &str) {
        self.key(key);
        self.quoted(value);
    }

    fn optional(&mut self, key: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.text(key, value);
        }
    }

    fn texts(&mut self, key: &str, values: &[String]) {
        self.key(key);
        for (index, value) in values.iter().enumerate() {
            self.0.push(if index == 0 { '[' } else { ',' });
            self.quoted(value);
        }
        self.0.push(']');
    }

    /// `Debug` writes JSON as long as it finds nothing to escape, and unlike a loop of ours it is compiled with
    /// optimisation in every build: the loop took most of the time of a line.
    fn quoted(&mut self, value: &str) {
        let begin = self.0.len();
        self.display(format_args!("{value:?}"));
        if self.0.len() - begin != value.len() + 2 {
            self.0.truncate(begin);
            self.escaped(value);
        }
    }

    fn escaped(&mut self, value: &str) {
        self.0.push('"');
        let mut plain = 0;
        for (index, byte) in value.bytes().enumerate() {
            if byte == b'"' || byte == b'\\' || byte < 0x20 {
                self.0.push_str(&value[plain..index]);
                self.display(format_args!("\\u{byte:04x}"));
                plain = index + 1;
            }
        }
        self.0.push_str(&value[plain..]);
        self.0.push('"');
    }
}

#[cfg(test)]
mod tests {
    use super::super::Outcome;
    use super::*;

    fn full() -> Event {
        Event::Request(Request {
            at: 1_763_704_346.25,
            test: Some("tests::says \"hi\"\\\n\u{1}…".into()),
            model: "whisper-tiny".into(),
            outcome: Outcome::Repaired,
            seconds: 0.000_012_5,
            waited_seconds: 0.25,
            saved_seconds: 12.5,
            via: Via::Restore,
            provider: "huggingface".into(),
            file: Some("tests/a.rs".into()),
            line: Some(7),
            bytes: 151_061_672,
            fetched_bytes: u64::MAX,
            adopted_bytes: 7,
            retries: 2,
            resumes: 1,
            repairs: vec!["config.json".into(), "model.safetensors".into()],
            fallback_for: Some("whisper".into()),
            bypass: true,
            reason: Some("digest differs".into()),
            fetch_seconds: 0.125,
            miss_reason: Some(MissReason::Corrupt),
            placement: Placement::Copied,
        })
    }

    fn line(event: &Event) -> String {
        let mut buffer = String::new();
        event.write_line(&mut buffer);
        buffer
    }

    #[test]
    fn the_hand_written_line_is_what_serde_would_write_but_for_the_time_and_reads() {
        let evict = Event::Evict(Evict { at: 1.5, model: "a".into(), bytes: 3, reason: "old\t".into() });
        let warning = Event::Warning(Warning { at: 1.5, text: "x".into() });
        for event in [full(), evict, warning] {
            let line = line(&event);
            let ours: serde_json::Value = serde_json::from_str(&line).unwrap();
            let mut theirs = serde_json::to_value(&event).unwrap();
            theirs["at"] = ours["at"].clone();
            assert_eq!(ours, theirs);
            assert_eq!(Line::parse(line.as_bytes()), Line::Event(event));
            assert_eq!(line.matches('\n').count(), 1, "{line}");
        }
    }

    #[test]
    fn defaults_are_left_out_and_read_back() {
        let text = r#"{"event":"request","at":1.5,"model":"a","outcome":"hit"}"#;
        let Line::Event(event) = Line::parse(text.as_bytes()) else { panic!("unreadable") };
        assert_eq!(line(&event), format!("{text}\n"));
    }

    #[test]
    fn numbers_that_json_cannot_write_never_spoil_a_line() {
        let Event::Request(mut request) = full() else { unreachable!() };
        (request.seconds, request.saved_seconds) = (f64::NAN, f64::INFINITY);
        assert!(matches!(Line::parse(line(&Event::Request(request)).as_bytes()), Line::Event(_)));
    }

    proptest::proptest! {
        #[test]
        fn any_text_comes_back_as_it_was(text: String) {
            let event = Event::Warning(Warning { at: 1.0, text });
            proptest::prop_assert_eq!(Line::parse(line(&event).as_bytes()), Line::Event(event));
        }
    }

    #[test]
    fn a_line_cut_anywhere_is_unreadable_and_a_newer_one_is_not() {
        let line = line(&full());
        for end in 0..line.trim_end().len() {
            assert_eq!(Line::parse(&line.as_bytes()[..end]), Line::Unreadable, "{end}");
        }
        assert_eq!(Line::parse(br#"{"event":"teleport","to":"mars"}"#), Line::Unknown);
        assert_eq!(Line::parse(b"\0\0\0\0"), Line::Unreadable);
        let newer = br#"{"event":"request","model":"a","outcome":"hit","via":"drone","placement":"beamed","miss_reason":"eaten"}"#;
        let Line::Event(Event::Request(read)) = Line::parse(newer) else { panic!("unreadable") };
        assert_eq!(
            (read.via, read.placement, read.miss_reason),
            (Via::Test, Placement::InPlace, Some(MissReason::Unknown))
        );
        let newer = br#"{"event":"request","model":"a","outcome":"hit","colour":{"deep":[1]}}"#;
        assert!(matches!(Line::parse(newer), Line::Event(_)));
        assert!(matches!(Line::parse(br#"{"version":7,"shape":"new"}"#), Line::Header(Header { version: 7, .. })));
    }
}
