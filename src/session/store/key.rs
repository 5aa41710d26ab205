use std::fmt;

/// Whose token it is: provider, origin, user and scope.
///
/// Two sessions share a token exactly if all four are equal, so that no token is handed to somebody
/// else's session, to another server, or to one that asked for other rights.
///
/// # Example
///
/// ```
/// use tower_reauth::store::StoreKey;
///
/// let key = StoreKey::new("back-office", "https://host.name", "foo@bar.com");
/// assert_ne!(key, key.clone().scope("orders.read"));
/// assert_eq!(key.to_string(), "back-office;https:%2F%2Fhost.name;foo@bar.com;");
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StoreKey {
    /// The four parts, escaped, with a semicolon between each.
    text: Box<str>,
}

impl StoreKey {
    /// Creates the key of `user` at the API of `provider` that is reached at `origin`.
    ///
    /// `origin` is scheme, host and port. `user` is what signs in: a name or a client's id, and
    /// nothing secret, because stores show it.
    #[must_use]
    pub fn new(provider: &str, origin: &str, user: &str) -> Self {
        let [provider, origin, user] = [provider, origin, user].map(escaped);
        Self {
            text: format!("{provider};{origin};{user};").into(),
        }
    }

    /// Sets the scope: what the token was asked for, if that can differ. Audience and resource
    /// belong here as well.
    #[must_use]
    pub fn scope(self, scope: &str) -> Self {
        let others = self.text.rfind(';').map_or(0, |end| end + 1);
        Self {
            text: format!("{}{}", &self.text[..others], escaped(scope)).into(),
        }
    }

    /// Returns the key as one text of visible ASCII without `/`, which is different for different
    /// keys.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for StoreKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for StoreKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StoreKey").field(&self.text).finish()
    }
}

/// Leaves letters, digits and harmless marks, and writes every other byte as `%` and its number.
fn escaped(part: &str) -> String {
    let mut escaped = String::with_capacity(part.len());
    for byte in part.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~@:+".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn different_parts_never_make_the_same_key() {
        let keys = [
            StoreKey::new("a", "b", "c"),
            StoreKey::new("a", "b", "c;"),
            StoreKey::new("a;b", "", "c"),
            StoreKey::new("a", "b;c", ""),
            StoreKey::new("a", "b", "").scope("c"),
            StoreKey::new("a", "b", "%3B"),
            StoreKey::new("a", "b", "c").scope("x y"),
            StoreKey::new("a", "b", "c").scope("xy"),
            StoreKey::new("a", "b", "ü{}*\n"),
        ];
        for (index, key) in keys.iter().enumerate() {
            assert!(key.as_str().bytes().all(|byte| byte.is_ascii_graphic()));
            assert!(!key.as_str().contains(['/', '{', '}', '*']), "{key}");
            assert!(!keys[..index].contains(key), "{key}");
        }
    }

    #[test]
    fn the_last_scope_counts() {
        let key = StoreKey::new("a", "b", "c");
        assert_eq!(key.clone().scope("x").scope("y"), key.scope("y"));
    }
}
