//! What `tonic-prost-build` makes of the following, as far as it is used; written out so that no
//! protoc is needed.
//!
//! ```proto
//! package greeter;
//!
//! message Hello { string name = 1; }
//! message Greeting { string text = 1; }
//!
//! service Greeter {
//!   rpc Greet (Hello) returns (Greeting);
//!   rpc GreetAll (stream Hello) returns (Greeting);
//!   rpc GreetOften (Hello) returns (stream Greeting);
//! }
//! ```

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Hello {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Greeting {
    #[prost(string, tag = "1")]
    pub(crate) text: String,
}

pub(crate) mod greeter_client {
    use http::uri::PathAndQuery;
    use tonic::{
        Request, Response, Status, Streaming,
        body::Body,
        client::{Grpc, GrpcService},
        codegen::{Body as HttpBody, Bytes, StdError},
    };
    use tonic_prost::ProstCodec;

    use super::{Greeting, Hello};

    #[derive(Clone, Debug)]
    pub(crate) struct GreeterClient<T> {
        inner: Grpc<T>,
    }

    impl<T> GreeterClient<T>
    where
        T: GrpcService<Body>,
        T::Error: Into<StdError>,
        T::ResponseBody: HttpBody<Data = Bytes> + Send + 'static,
        <T::ResponseBody as HttpBody>::Error: Into<StdError> + Send,
    {
        pub(crate) fn with_origin(inner: T, origin: http::Uri) -> Self {
            Self {
                inner: Grpc::with_origin(inner, origin),
            }
        }

        pub(crate) async fn greet(
            &mut self,
            request: impl tonic::IntoRequest<Hello>,
        ) -> Result<Response<Greeting>, Status> {
            self.inner
                .ready()
                .await
                .map_err(|error| Status::from_error(error.into()))?;
            let path = PathAndQuery::from_static("/greeter.Greeter/Greet");
            let request = request.into_request();
            self.inner.unary(request, path, ProstCodec::default()).await
        }

        pub(crate) async fn greet_all(
            &mut self,
            request: impl tonic::IntoStreamingRequest<Message = Hello>,
        ) -> Result<Response<Greeting>, Status> {
            self.inner
                .ready()
                .await
                .map_err(|error| Status::from_error(error.into()))?;
            let path = PathAndQuery::from_static("/greeter.Greeter/GreetAll");
            let request = request.into_streaming_request();
            let codec = ProstCodec::default();
            self.inner.client_streaming(request, path, codec).await
        }

        pub(crate) async fn greet_often(
            &mut self,
            request: impl tonic::IntoRequest<Hello>,
        ) -> Result<Response<Streaming<Greeting>>, Status> {
            self.inner
                .ready()
                .await
                .map_err(|error| Status::from_error(error.into()))?;
            let path = PathAndQuery::from_static("/greeter.Greeter/GreetOften");
            let request: Request<Hello> = request.into_request();
            let codec = ProstCodec::default();
            self.inner.server_streaming(request, path, codec).await
        }
    }
}

pub(crate) mod greeter_server {
    use std::{
        convert::Infallible,
        pin::Pin,
        sync::Arc,
        task::{Context, Poll},
    };

    use tonic::{
        Request, Response, Status, Streaming,
        body::Body,
        codegen::{Body as HttpBody, BoxFuture, Service, StdError, tokio_stream::Stream},
        server::{
            ClientStreamingService, Grpc, NamedService, ServerStreamingService, UnaryService,
        },
    };
    use tonic_prost::ProstCodec;

    use super::{Greeting, Hello};

    pub(crate) type Greetings = Pin<Box<dyn Stream<Item = Result<Greeting, Status>> + Send>>;

    #[tonic::async_trait]
    pub(crate) trait Greeter: Send + Sync + 'static {
        async fn greet(&self, request: Request<Hello>) -> Result<Response<Greeting>, Status>;

        async fn greet_all(
            &self,
            request: Request<Streaming<Hello>>,
        ) -> Result<Response<Greeting>, Status>;

        async fn greet_often(&self, request: Request<Hello>)
        -> Result<Response<Greetings>, Status>;
    }

    #[derive(Debug)]
    pub(crate) struct GreeterServer<T> {
        inner: Arc<T>,
    }

    /// The method of a service, for one call.
    struct Method<T>(Arc<T>);

    impl<T> GreeterServer<T> {
        pub(crate) fn new(inner: T) -> Self {
            Self {
                inner: Arc::new(inner),
            }
        }
    }

    impl<T: Greeter> UnaryService<Hello> for Method<T> {
        type Response = Greeting;
        type Future = BoxFuture<Response<Greeting>, Status>;

        fn call(&mut self, request: Request<Hello>) -> Self::Future {
            let inner = Arc::clone(&self.0);
            Box::pin(async move { inner.greet(request).await })
        }
    }

    impl<T: Greeter> ClientStreamingService<Hello> for Method<T> {
        type Response = Greeting;
        type Future = BoxFuture<Response<Greeting>, Status>;

        fn call(&mut self, request: Request<Streaming<Hello>>) -> Self::Future {
            let inner = Arc::clone(&self.0);
            Box::pin(async move { inner.greet_all(request).await })
        }
    }

    impl<T: Greeter> ServerStreamingService<Hello> for Method<T> {
        type Response = Greeting;
        type ResponseStream = Greetings;
        type Future = BoxFuture<Response<Greetings>, Status>;

        fn call(&mut self, request: Request<Hello>) -> Self::Future {
            let inner = Arc::clone(&self.0);
            Box::pin(async move { inner.greet_often(request).await })
        }
    }

    impl<T, B> Service<http::Request<B>> for GreeterServer<T>
    where
        T: Greeter,
        B: HttpBody + Send + 'static,
        B::Error: Into<StdError> + Send + 'static,
    {
        type Response = http::Response<Body>;
        type Error = Infallible;
        type Future = BoxFuture<http::Response<Body>, Infallible>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, request: http::Request<B>) -> Self::Future {
            let method = Method(Arc::clone(&self.inner));
            Box::pin(async move {
                let mut grpc = Grpc::new(ProstCodec::default());
                Ok(match request.uri().path() {
                    "/greeter.Greeter/Greet" => grpc.unary(method, request).await,
                    "/greeter.Greeter/GreetAll" => grpc.client_streaming(method, request).await,
                    "/greeter.Greeter/GreetOften" => grpc.server_streaming(method, request).await,
                    _ => Status::unimplemented("no such method").into_http(),
                })
            })
        }
    }

    impl<T> Clone for GreeterServer<T> {
        fn clone(&self) -> Self {
            Self {
                inner: Arc::clone(&self.inner),
            }
        }
    }

    impl<T> NamedService for GreeterServer<T> {
        const NAME: &'static str = "greeter.Greeter";
    }
}
