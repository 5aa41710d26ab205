//! Which tokens and codes can be put into a header.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tower_reauth::{Code, Token};

fuzz_target!(|data: &str| {
    let visible = !data.is_empty() && data.bytes().all(|byte| (0x21..=0x7E).contains(&byte));
    match Token::new(data) {
        Ok(token) => {
            assert!(visible, "{data:?}");
            let other = Token::new("other").expect("visible ASCII");
            assert_eq!(format!("{token:?}"), format!("{other:?}"));
        }
        Err(_) => assert!(!visible || data.len() > 1024, "{data:?}"),
    }
    if let Ok(code) = Code::new(data) {
        let other = Code::new("other").expect("visible ASCII");
        assert_eq!(format!("{code:?}"), format!("{other:?}"));
    }
});
