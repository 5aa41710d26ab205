//! The JSON bodies of nst/JSONTestSuite.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Deserialize;

/// A body, and whether it is JSON.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) verdict: Verdict,
    pub(crate) bytes: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Verdict {
    Accept,
    Reject,
    /// A parser may do as it likes.
    Either,
}

/// Returns all of them: none if the folder is not there.
pub(crate) fn all() -> Vec<Case> {
    #[derive(Deserialize)]
    struct File {
        cases: Vec<Row>,
    }
    #[derive(Deserialize)]
    struct Row {
        name: String,
        verdict: Verdict,
        base64: String,
    }

    let Some(path) = super::vectors_of_others::file("json-parsing/json_parsing.json") else {
        return Vec::new();
    };
    let file: File = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    assert_eq!(file.cases.len(), 318);
    let cases = file.cases.into_iter().map(|row| Case {
        bytes: STANDARD.decode(row.base64).unwrap(),
        name: row.name,
        verdict: row.verdict,
    });
    cases.collect()
}
