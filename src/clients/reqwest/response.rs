use http::{Extensions, Response};
use reqwest::{ResponseBuilderExt, Url};

/// In the extensions of a response: the address that it came from, after the redirects that the
/// client followed.
///
/// # Example
///
/// ```
/// use tower_reauth::clients::reqwest::FinalUrl;
///
/// fn host<B>(response: &http::Response<B>) -> Option<&str> {
///     response.extensions().get::<FinalUrl>()?.url().host_str()
/// }
/// # assert_eq!(host(&http::Response::new(())), None);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FinalUrl(Url);

// === impl FinalUrl ===

impl FinalUrl {
    /// Returns the address.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.0
    }
}

/// Turns reqwest's response into one of `http`, with its address in the extensions.
pub(crate) fn into_http(response: reqwest::Response) -> Response<reqwest::Body> {
    let url = response.url().clone();
    let mut response = Response::from(response);
    note_url(response.extensions_mut(), url);
    response
}

/// Notes the address for our users, and in a form that reqwest finds if it makes a response of its
/// own of this one.
pub(crate) fn note_url(extensions: &mut Extensions, url: Url) {
    let noted = Response::builder().url(url.clone()).body(());
    let (noted, ()) = noted.expect("nothing in it can be wrong").into_parts();
    extensions.extend(noted.extensions);
    extensions.insert(FinalUrl(url));
}
