//! Writes what fuzzers can begin with into `fuzz/corpus`, beside what they have found themselves: the
//! vectors of others, from the folder that `REAUTH_VECTORS` names, and files that our own store wrote.

use std::{env, error::Error, fs, path::PathBuf};

use base64::prelude::{BASE64_STANDARD, Engine};
use serde_json::{Value, json};
use tower_reauth::{
    Token,
    store::{Record, StoreKey, TokenStore},
    stores::{FileKey, FileStore},
};
use tower_reauth_fuzz::block_on;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Those who take an answer: a byte that chooses status and header, the header, the body.
const ANSWERS: [&str; 5] = ["back_office", "fintiv", "glue", "my2n", "oauth2"];

fn main() -> Result<()> {
    let mut corpus = Corpus {
        folder: PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("corpus"),
        count: 0,
    };
    corpus.files_of_the_store()?;
    match env::var_os("REAUTH_VECTORS") {
        Some(folder) => corpus.vectors(&PathBuf::from(folder))?,
        None => eprintln!("LEFT OUT: set REAUTH_VECTORS to the folder with the vectors of others"),
    }
    println!("{} inputs to begin with", corpus.count);
    Ok(())
}

struct Corpus {
    folder: PathBuf,
    count: usize,
}

impl Corpus {
    fn add(&mut self, target: &str, input: impl AsRef<[u8]>) -> Result<()> {
        let folder = self.folder.join(target);
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(format!("given-{}", self.count)), input)?;
        self.count += 1;
        Ok(())
    }

    fn add_answers(&mut self, first: u8, rest: &[u8]) -> Result<()> {
        let answer = [&[first], rest].concat();
        ANSWERS
            .iter()
            .try_for_each(|target| self.add(target, &answer))
    }

    /// As the fuzzer of the store has its key: plain, and encrypted.
    fn files_of_the_store(&mut self) -> Result<()> {
        let key = StoreKey::new("fuzz", "https://api.example.com", "user");
        let token = Token::new("mF_9.B5f-4.1JqM")?.with_refresh_token("tGzv3JOkF0XG5Qx2TlKWIA")?;
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("tokens");
        for encrypted in [false, true] {
            let mut store = FileStore::new(&path);
            if encrypted {
                store = store.encrypted(FileKey::new([7; 32]));
            }
            block_on(store.save(&key, &Record::new(1, Some(token.clone()), None, 1)))?;
            self.add("file_store", fs::read(&path)?)?;
            fs::remove_file(&path)?;
        }
        Ok(())
    }

    fn vectors(&mut self, folder: &std::path::Path) -> Result<()> {
        let read = |name: &str| -> Result<Value> {
            Ok(serde_json::from_slice(&fs::read(folder.join(name))?)?)
        };

        for case in cases(&read("json-parsing/json_parsing.json")?["cases"]) {
            let json = BASE64_STANDARD.decode(text(&case["base64"]))?;
            // Longer ones are about depth, and no input may be so long.
            if json.len() < 4096 {
                self.add_answers(0, &json)?;
                self.add("envelope", [&[16][..], &json].concat())?;
                for target in ["file_store", "q2_event", "q2_keys"] {
                    self.add(target, &json)?;
                }
            }
        }

        for case in cases(&read("www-authenticate/cases.json")?["cases"]) {
            for header in cases(&case["headers"]) {
                self.add("challenge", format!("{}\n{{}}", text(header)))?;
            }
        }

        let dates = read("smithy-date-time/date_time_format_test_suite.json")?;
        for case in cases(&dates["parse_http_date"]) {
            // A `Retry-After` of a 429.
            let date = format!("{}\n{{}}", text(&case["smithy_format_value"]));
            self.add_answers(0x89, date.as_bytes())?;
        }
        for case in cases(&dates["parse_date_time"]) {
            let end = &case["smithy_format_value"];
            let token = json!({"token": "t", "createdAt": end, "expiresAt": end});
            let body = json!({"accessToken": token, "refreshToken": token,
                "session_token": "t", "session": {"expires_at": end}});
            self.add_answers(0, body.to_string().as_bytes())?;
        }

        for case in cases(&read("whatwg-url/urltestdata.json")?) {
            let (origin, input) = (text(&case["origin"]), text(&case["input"]));
            if !origin.is_empty() && !input.contains('\n') {
                self.add("origin", format!("{origin}\n{input}"))?;
            }
        }

        for (name, field, target) in [
            ("encryption", "jwe", "q2_encrypted"),
            ("signature", "jws", "q2_signature"),
            ("key", "jws", "q2_signature"),
            ("crypto", "jws", "q2_signature"),
        ] {
            let file = read(&format!("wycheproof/json_web_{name}_test.json"))?;
            for group in cases(&file["testGroups"]) {
                self.add("q2_keys", group["private"].to_string())?;
                for test in cases(&group["tests"]) {
                    let given = &test[field];
                    // Some are in the form of JSON.
                    let given = given.as_str().map_or(given.to_string(), str::to_owned);
                    self.add(target, given + "\n{}")?;
                }
            }
        }
        Ok(())
    }
}

fn cases(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
