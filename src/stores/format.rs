//! How a record is written, in files and in Redis: as JSON that names its own format.

use std::{
    borrow::Cow,
    time::{Duration, SystemTime},
};

use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::{Error, ErrorKind, Placement, Token, store::Record};

/// A record as it is written.
#[derive(Serialize, Deserialize)]
pub(super) struct Written {
    version: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    token: Option<WrittenToken>,
    /// Milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_at: Option<u64>,
    #[serde(default, skip_serializing_if = "is_zero")]
    begun: u32,
}

#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
struct WrittenToken {
    access: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refresh: Option<String>,
    header: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    scheme: Option<String>,
    /// Milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lifetime: Option<u64>,
}

// === impl Written ===

impl Written {
    pub(super) fn of(record: &Record) -> Self {
        Self {
            version: record.version(),
            token: record.token().map(WrittenToken::of),
            expires_at: record.expires_at().map(|end| {
                let since = end.duration_since(SystemTime::UNIX_EPOCH);
                millis(since.unwrap_or_default())
            }),
            begun: record.begun(),
        }
    }

    #[cfg(feature = "file-store")]
    pub(super) fn version(&self) -> u64 {
        self.version
    }

    /// Returns the record, or why it is none. The error repeats nothing of it.
    pub(super) fn read(&self) -> Result<Record, Error> {
        let token = self.token.as_ref().map(WrittenToken::read).transpose()?;
        // A date that no clock can show is as good as none.
        let expires_at = self
            .expires_at
            .and_then(|millis| SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(millis)));
        Ok(Record::new(self.version, token, expires_at, self.begun))
    }
}

// === impl WrittenToken ===

impl WrittenToken {
    fn of(token: &Token) -> Self {
        let placement = token.placement();
        let refresh = token.refresh_token();
        Self {
            access: token.expose().into(),
            refresh: refresh.map(|refresh| refresh.expose_secret().into()),
            header: placement.name.as_str().into(),
            scheme: placement.scheme.as_deref().map(Into::into),
            lifetime: token.lifetime().map(millis),
        }
    }

    fn read(&self) -> Result<Token, Error> {
        let placement = Placement {
            name: self.header.parse().map_err(|_| unreadable("header"))?,
            scheme: self.scheme.clone().map(Cow::Owned),
        };
        if !placement.is_valid() {
            return Err(unreadable("scheme"));
        }
        let token = Token::placed(self.access.as_str(), placement);
        let mut token = token.map_err(|_| unreadable("access token"))?;
        if let Some(refresh) = &self.refresh {
            let refreshable = token.with_refresh_token(refresh.as_str());
            token = refreshable.map_err(|_| unreadable("refresh token"))?;
        }
        Ok(match self.lifetime {
            Some(millis) => token.with_lifetime(Duration::from_millis(millis)),
            None => token,
        })
    }
}

fn unreadable(what: &str) -> Error {
    Error::with_message(
        ErrorKind::Store,
        format!("the stored record has a {what} that cannot be one: it was damaged or edited"),
    )
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::*;

    fn again(record: &Record) -> Record {
        let text = serde_json::to_string(&Written::of(record)).unwrap();
        let written: Written = serde_json::from_str(&text).unwrap();
        written.read().unwrap()
    }

    #[test]
    fn what_is_written_is_read_again() {
        let placements = [
            Placement::bearer(),
            Placement::scheme("Token"),
            Placement::header(HeaderName::from_static("x-api-key")),
        ];
        for placement in placements {
            let token = Token::placed("mF_9.\"\\", placement.clone())
                .unwrap()
                .with_refresh_token("r ü\"")
                .unwrap()
                .with_lifetime(Duration::from_millis(1_500));
            let end = SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_123);
            let record = again(&Record::new(7, Some(token), Some(end), 2));
            let token = record.token().unwrap();
            assert_eq!(token.expose(), "mF_9.\"\\");
            assert_eq!(*token.placement(), placement);
            assert_eq!(token.refresh_token().unwrap().expose_secret(), "r ü\"");
            assert_eq!(token.lifetime(), Some(Duration::from_millis(1_500)));
            assert_eq!(record.expires_at(), Some(end));
            assert_eq!((record.version(), record.begun()), (7, 2));
        }
        let none = again(&Record::new(u64::MAX, None, None, 0));
        assert!(none.token().is_none() && none.expires_at().is_none());
        assert_eq!(none.version(), u64::MAX);
    }

    #[test]
    fn what_cannot_be_a_token_is_an_error_without_its_text() {
        for text in [
            r#"{"version":1,"token":{"access":"hunter2\n","header":"authorization"}}"#,
            r#"{"version":1,"token":{"access":"hunter2","header":"a b"}}"#,
            r#"{"version":1,"token":{"access":"hunter2","header":"a","scheme":"a b"}}"#,
            r#"{"version":1,"token":{"access":"a","refresh":"hunter2\n","header":"a"}}"#,
            r#"{"version":1,"token":{"access":"","header":"hunter2"}}"#,
        ] {
            let written: Written = serde_json::from_str(text).unwrap();
            let error = written.read().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Store);
            assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
        }
        let far = r#"{"version":1,"expires_at":18446744073709551615}"#;
        let far: Written = serde_json::from_str(far).unwrap();
        drop(far.read().unwrap());
    }
}
