//! Headers that carry what is ours.

use http::{HeaderMap, HeaderName, HeaderValue};

/// Takes the values of `name` out of `headers` that are ours. The others stay, in their order.
pub(crate) fn take_out(
    headers: &mut HeaderMap,
    name: &HeaderName,
    is_ours: impl Fn(&HeaderValue) -> bool,
) {
    if !headers.get_all(name).iter().any(&is_ours) {
        return;
    }
    let others: Vec<_> = headers
        .get_all(name)
        .iter()
        .filter(|value| !is_ours(value))
        .cloned()
        .collect();
    headers.remove(name);
    for value in others {
        headers.append(name, value);
    }
}
