//! The way of a request through this API.

use http::{Response, request::Parts};

use super::{Endpoint, Fault, answer::Refusal, api, auth, state::Shared};
use crate::testing::server::{Arrived, Desk, Refused, Reply, Site, bearer};

impl Site for Shared {
    type Endpoint = Endpoint;
    type Odd = Fault;
    /// Whose access token an API call carries.
    type Verdict = Result<String, Refusal>;

    fn desk(&self) -> &Desk<Endpoint, Fault> {
        &self.desk
    }

    fn endpoint(&self, head: &Parts) -> Endpoint {
        Endpoint::of(head.uri.path())
    }

    fn admit(&self, endpoint: Endpoint, head: &Parts) -> Result<(), Refused> {
        self.admit(endpoint, head)
            .map_err(|refusal| Box::new(self.refuse(refusal)))
    }

    fn settle(&self, endpoint: Endpoint, head: &Parts) -> Self::Verdict {
        match endpoint {
            Endpoint::Api => api::authorize(self, &head.headers),
            _ => Ok(String::new()),
        }
    }

    fn process(&self, request: Arrived<'_, Self>) -> Response<Reply> {
        let Arrived { endpoint, head, .. } = request;
        let answered = match endpoint {
            Endpoint::Api => request
                .verdict
                .map(|email| api::call(self, head, &email, request.body, request.trailers)),
            _ => auth::process(self, endpoint, head, &request.body, request.odd.as_ref()),
        };
        answered.unwrap_or_else(|refusal| self.refuse(refusal))
    }

    fn ordered(&self, _: Endpoint, head: &Parts, status: u16) -> Response<Reply> {
        self.refuse(match status {
            401 => self.unauthorized(bearer(&head.headers)),
            413 => Refusal::new(413, "The body is too large."),
            _ => Refusal::new(status, "As ordered."),
        })
    }

    fn most_bytes(&self, endpoint: Endpoint) -> usize {
        match endpoint {
            Endpoint::Api => 64 << 20,
            _ => 64 << 10,
        }
    }

    fn too_long(
        &self,
        endpoint: Endpoint,
        head: &Parts,
        verdict: Self::Verdict,
    ) -> Response<Reply> {
        match verdict {
            // Whoever is signed in may try.
            Ok(_) if endpoint == Endpoint::Api => self.ordered(endpoint, head, 413),
            Ok(_) => {
                let breach = (413, "the body is larger than 64 KiB".to_owned());
                self.refuse(self.breached(endpoint, breach))
            }
            Err(refusal) => self.refuse(refusal),
        }
    }

    fn answered(&self, endpoint: Endpoint, answer: &Response<Reply>) {
        if endpoint == Endpoint::Api && answer.status() == 401 {
            self.state().counts.unauthorized += 1;
        }
    }
}
