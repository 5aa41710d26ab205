use reqwest::redirect::Policy;

/// Returns a redirect policy that stays within the origin: scheme, host and port.
///
/// Up to 10 redirects within it are followed, as reqwest does by default. A response that points
/// elsewhere, to the same host over plain http say, is returned as it is. See the
/// [module docs](super#redirects) for what it protects.
///
/// # Example
///
/// ```no_run
/// use tower_reauth::clients::reqwest::same_origin;
///
/// # fn main() -> reqwest::Result<()> {
/// let client = reqwest::Client::builder().redirect(same_origin()).build()?;
/// # let _ = client;
/// # Ok(())
/// # }
/// ```
#[must_use]
pub fn same_origin() -> Policy {
    Policy::custom(|attempt| {
        let here = attempt.previous().last();
        if here.is_some_and(|here| here.origin() == attempt.url().origin()) {
            Policy::default().redirect(attempt)
        } else {
            attempt.stop()
        }
    })
}
