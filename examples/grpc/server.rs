//! A server of gRPC that greets those who bring the newest token.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::{net::TcpListener, task::JoinHandle};
use tokio_stream::StreamExt;
use tonic::{
    Request, Response, Status, Streaming,
    service::interceptor::InterceptedService,
    transport::server::{Router, TcpIncoming},
};

use crate::greeter::{
    Greeting, Hello,
    greeter_server::{Greeter, GreeterServer, Greetings},
};

pub(crate) struct Server {
    address: SocketAddr,
    state: Arc<State>,
    running: JoinHandle<()>,
}

struct State {
    issued: AtomicUsize,
    /// The number of the token that is good; none is 0.
    good: AtomicUsize,
    refused: AtomicUsize,
    greeted: AtomicUsize,
}

struct Service {
    state: Arc<State>,
}

// === impl Server ===

impl Server {
    pub(crate) async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let state = Arc::new(State {
            issued: AtomicUsize::new(0),
            good: AtomicUsize::new(0),
            refused: AtomicUsize::new(0),
            greeted: AtomicUsize::new(0),
        });
        let service = GreeterServer::new(Service {
            state: Arc::clone(&state),
        });
        // Where most servers check tokens, so that is where refusals come from.
        let checking = {
            let state = Arc::clone(&state);
            InterceptedService::new(service, move |request| state.check(request))
        };
        let router: Router = tonic::transport::Server::builder().add_service(checking);
        let running = tokio::spawn(async move {
            let served = router
                .serve_with_incoming(TcpIncoming::from(listener))
                .await;
            served.expect("it serves until the end of the program");
        });
        Ok(Self {
            address,
            state,
            running,
        })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns a new token, which is the only good one from now on.
    pub(crate) fn issue(&self) -> String {
        let number = self.state.issued.fetch_add(1, Ordering::SeqCst) + 1;
        self.state.good.store(number, Ordering::SeqCst);
        format!("token-{number}")
    }

    pub(crate) fn revoke(&self) {
        self.state.good.store(0, Ordering::SeqCst);
    }

    /// How many calls it refused for want of a good token.
    pub(crate) fn refused(&self) -> usize {
        self.state.refused.load(Ordering::SeqCst)
    }

    /// How many calls came to their method.
    pub(crate) fn greeted(&self) -> usize {
        self.state.greeted.load(Ordering::SeqCst)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.running.abort();
    }
}

// === impl State ===

impl State {
    fn check(&self, request: Request<()>) -> Result<Request<()>, Status> {
        let good = format!("Bearer token-{}", self.good.load(Ordering::SeqCst));
        if request
            .metadata()
            .get("authorization")
            .is_some_and(|token| *token == *good)
        {
            return Ok(request);
        }
        self.refused.fetch_add(1, Ordering::SeqCst);
        Err(Status::unauthenticated("the token is dead"))
    }

    fn greet(&self, name: &str) -> Result<Greeting, Status> {
        self.greeted.fetch_add(1, Ordering::SeqCst);
        if name == "Mallory" {
            return Err(Status::permission_denied("not you"));
        }
        let text = format!("Hello, {name}!");
        Ok(Greeting { text })
    }
}

// === impl Service ===

#[tonic::async_trait]
impl Greeter for Service {
    async fn greet(&self, request: Request<Hello>) -> Result<Response<Greeting>, Status> {
        self.state
            .greet(&request.into_inner().name)
            .map(Response::new)
    }

    async fn greet_all(
        &self,
        request: Request<Streaming<Hello>>,
    ) -> Result<Response<Greeting>, Status> {
        let mut hellos = request.into_inner();
        let mut names = Vec::new();
        while let Some(hello) = hellos.message().await? {
            names.push(hello.name);
        }
        self.state.greet(&names.join(", ")).map(Response::new)
    }

    async fn greet_often(&self, request: Request<Hello>) -> Result<Response<Greetings>, Status> {
        let greeting = self.state.greet(&request.into_inner().name)?;
        let greetings = tokio_stream::iter(vec![greeting; 3]).map(Ok);
        Ok(Response::new(Box::pin(greetings)))
    }
}
