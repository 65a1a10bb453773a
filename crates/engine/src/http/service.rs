//! The tower service and layer of an engine.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use http_body_util::combinators::UnsyncBoxBody;
use tower_layer::Layer;
use tower_service::Service;

use super::{Body, response, route};
use crate::Engine;

/// Answers the requests of an [`Engine`], see [`Engine::service`]. Works in hyper, axum and anything built on tower.
#[derive(Clone, Debug)]
pub struct EngineService {
    engine: Engine,
}

/// Puts an [`Engine`] in front of another service, see [`Engine::layer`].
#[derive(Clone, Debug)]
pub struct EngineLayer {
    engine: Engine,
}

/// An [`Engine`] in front of another service.
#[derive(Clone, Debug)]
pub struct WithEngine<S> {
    engine: EngineService,
    inner: S,
}

/// The body of a request, whichever server it comes from.
pub(crate) type RequestBody = UnsyncBoxBody<Bytes, BodyError>;
/// Why a body broke off.
pub(crate) type BodyError = Box<dyn std::error::Error + Send + Sync>;
type Answering<B, E> = Pin<Box<dyn Future<Output = Result<Response<B>, E>> + Send>>;

impl EngineService {
    pub(crate) fn new(engine: Engine) -> Self {
        Self { engine }
    }

    /// Whether a request is for the engine. As in the reference, everything below its path is.
    pub fn matches<B>(&self, request: &Request<B>) -> bool {
        request.uri().path().starts_with(self.engine.path())
    }
}

impl<B> Service<Request<B>> for EngineService
where
    B: http_body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BodyError>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answering<Body, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        if !self.matches(&request) {
            self.engine.0.metrics.refused("not_found");
            return Box::pin(async { Ok(response::empty(StatusCode::NOT_FOUND)) });
        }
        let request = request.map(|body| body.map_frame(into_bytes).map_err(Into::into).boxed_unsync());
        let mut route = Route(self.engine.clone());
        let Some(cors) = &self.engine.0.cors else {
            return route.call(request);
        };
        let is_preflight = request.method() == Method::OPTIONS;
        let answering = cors.layer(route).call(request);
        Box::pin(async move {
            let mut response = answering.await?;
            if is_preflight {
                *response.status_mut() = StatusCode::NO_CONTENT;
            }
            Ok(response)
        })
    }
}

/// The engine behind its CORS headers.
#[derive(Clone)]
struct Route(Engine);

impl Service<Request<RequestBody>> for Route {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answering<Body, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<RequestBody>) -> Self::Future {
        let engine = self.0.clone();
        Box::pin(async move { Ok(route::answer(&engine, request).await) })
    }
}

impl EngineLayer {
    pub(crate) fn new(engine: Engine) -> Self {
        Self { engine }
    }
}

impl<S> Layer<S> for EngineLayer {
    type Service = WithEngine<S>;

    fn layer(&self, inner: S) -> WithEngine<S> {
        WithEngine { engine: self.engine.service(), inner }
    }
}

impl<S, B, ResponseBody> Service<Request<B>> for WithEngine<S>
where
    S: Service<Request<B>, Response = Response<ResponseBody>>,
    S::Future: Send + 'static,
    B: http_body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BodyError>,
    ResponseBody: http_body::Body<Data = Bytes> + Send + 'static,
    ResponseBody::Error: Into<BodyError>,
{
    type Response = Response<UnsyncBoxBody<Bytes, BodyError>>;
    type Error = S::Error;
    type Future = Answering<UnsyncBoxBody<Bytes, BodyError>, S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        if self.engine.matches(&request) {
            let answering = self.engine.call(request);
            return Box::pin(async move {
                let Ok(response) = answering.await;
                Ok(response.map(|body| body.map_err(|never| match never {}).boxed_unsync()))
            });
        }
        let answering = self.inner.call(request);
        Box::pin(async move { Ok(answering.await?.map(|body| body.map_err(Into::into).boxed_unsync())) })
    }
}

fn into_bytes<D: Buf>(frame: http_body::Frame<D>) -> http_body::Frame<Bytes> {
    frame.map_data(|mut data| data.copy_to_bytes(data.remaining()))
}
