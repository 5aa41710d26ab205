//! The session in place of its layer.

use tower_reauth::{Session, clients::reqwest_middleware::LayerMiddleware};

fn middleware(session: Session) {
    LayerMiddleware::new(session);
}

fn main() {}
