//! The way of a request through this service.

use http::{Response, request::Parts};
use serde_json::json;

use super::{
    Endpoint, Quirk, api,
    envelope::{self, Context, Refusal},
    rules, sign_on,
    state::Shared,
};
use crate::testing::server::{Arrived, Desk, Refused, Reply, Site, json_text};

impl Site for Shared {
    type Endpoint = Endpoint;
    type Odd = Quirk;
    /// Who makes an API call, as far as its head tells.
    type Verdict = Result<Option<String>, Refusal>;

    fn desk(&self) -> &Desk<Endpoint, Quirk> {
        &self.desk
    }

    fn endpoint(&self, head: &Parts) -> Endpoint {
        Endpoint::of(head)
    }

    fn admit(&self, endpoint: Endpoint, head: &Parts) -> Result<(), Refused> {
        self.state().counts.arrived(endpoint);
        let kept = rules::check(self, endpoint, head);
        kept.map_err(|refusal| Box::new(refusal.write()))
    }

    fn settle(&self, endpoint: Endpoint, head: &Parts) -> Self::Verdict {
        match endpoint {
            Endpoint::Api => api::authorize(self, head),
            _ => Ok(None),
        }
    }

    fn process(&self, mut request: Arrived<'_, Self>) -> Response<Reply> {
        let tenant = &self.settings.tenant;
        let ordered = request.odd.as_ref();
        if let Some(failure) = ordered.and_then(|quirk| Context::ordered(tenant, quirk)) {
            self.state().counts.failures_in_200 += 1;
            return Refusal::failure(failure).write();
        }
        if request.odd == Some(Quirk::NullContext) {
            self.state().counts.failures_in_200 += 1;
            let told = json!({ "contextResponse": null, "responseData": null });
            return json_text(200, told.to_string());
        }
        let answered = match request.endpoint {
            Endpoint::SignOn => sign_on::answer(self, &request.body, request.odd.as_ref()),
            _ => std::mem::replace(&mut request.verdict, Ok(None))
                .and_then(|user| api::call(self, user, request)),
        };
        answered.unwrap_or_else(|refusal| {
            let is_inside = matches!(refusal, Refusal::Envelope(_));
            self.state().counts.failures_in_200 += u64::from(is_inside);
            refusal.write()
        })
    }

    fn ordered(&self, endpoint: Endpoint, _: &Parts, status: u16) -> Response<Reply> {
        if status == 200 {
            let context = Context::success(&self.settings.tenant);
            return envelope::write(context, &json!({}), None);
        }
        if status == 401 && endpoint == Endpoint::Api {
            self.state().counts.denied += 1;
        }
        Refusal::status(status, "As ordered.").write()
    }

    fn most_bytes(&self, endpoint: Endpoint) -> usize {
        match endpoint {
            Endpoint::Api => 64 << 20,
            _ => 64 << 10,
        }
    }
}
