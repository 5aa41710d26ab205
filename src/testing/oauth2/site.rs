//! The way of a request through the service.

use http::{Response, request::Parts};

use super::{
    Endpoint, Quirk,
    api::{self, Caller},
    challenge::Denial,
    grants,
    state::Shared,
};
use crate::testing::server::{Arrived, Desk, Refused, Reply, Site, bearer, json_text};

impl Site for Shared {
    type Endpoint = Endpoint;
    type Odd = Quirk;
    /// Whose token an API call carries; none at the other endpoints.
    type Verdict = Option<Result<Caller, Denial>>;

    fn desk(&self) -> &Desk<Endpoint, Quirk> {
        &self.desk
    }

    fn endpoint(&self, head: &Parts) -> Endpoint {
        Endpoint::of(head.uri.path())
    }

    fn admit(&self, endpoint: Endpoint, head: &Parts) -> Result<(), Refused> {
        self.state().counts.arrived(endpoint);
        let refused = match endpoint {
            Endpoint::Api => api::check(self, head)
                .err()
                .map(|denial| denial.write(&self.settings)),
            _ => self
                .admit(endpoint, head)
                .err()
                .map(|refusal| grants::refuse(self, &head.headers, refusal)),
        };
        match refused {
            Some(refused) => Err(Box::new(refused)),
            None => Ok(()),
        }
    }

    fn settle(&self, endpoint: Endpoint, head: &Parts) -> Self::Verdict {
        (endpoint == Endpoint::Api).then(|| api::authorize(self, head))
    }

    fn process(&self, request: Arrived<'_, Self>) -> Response<Reply> {
        let Arrived { head, body, .. } = request;
        let answered = match request.verdict {
            Some(Ok(caller)) => return api::call(self, head, &caller, body, request.trailers),
            Some(Err(denial)) => return denial.write(&self.settings),
            None if request.endpoint == Endpoint::Revoke => grants::revoke(self, head, &body),
            None => grants::token(self, head, &body, request.odd.as_ref()),
        };
        answered.unwrap_or_else(|refusal| grants::refuse(self, &head.headers, refusal))
    }

    fn ordered(&self, endpoint: Endpoint, head: &Parts, status: u16) -> Response<Reply> {
        match (endpoint, status) {
            (Endpoint::Api, 401) => {
                let denial = Denial::invalid_token("As ordered.", bearer(&head.headers));
                denial.write(&self.settings)
            }
            (Endpoint::Api, _) => json_text(status, r#"{"message":"As ordered."}"#.to_owned()),
            _ => grants::refuse(self, &head.headers, grants::ordered(status)),
        }
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
            // Whoever is let through may try.
            Some(Ok(_)) => self.ordered(endpoint, head, 413),
            Some(Err(denial)) => denial.write(&self.settings),
            None => {
                let refusal = self.breached(endpoint, "the body is larger than 64 KiB");
                grants::refuse(self, &head.headers, refusal.status(413))
            }
        }
    }

    fn answered(&self, endpoint: Endpoint, answer: &Response<Reply>) {
        if endpoint == Endpoint::Api {
            let counts = &mut self.state().counts;
            counts.unauthorized += u64::from(answer.status() == 401);
            counts.forbidden += u64::from(answer.status() == 403);
        }
    }
}
