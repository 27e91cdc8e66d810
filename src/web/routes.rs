//! What is answered at which path.

use std::cell::RefCell;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{ACCEPT, ALLOW, CACHE_CONTROL, CONTENT_TYPE, WWW_AUTHENTICATE};
use hyper::{Method, Request, Response, StatusCode};

use super::access;
use super::exposition::{Format, exposition};
use super::figures::Figures;
use crate::command::info::Overview;
use crate::server::{Server, Unready};

/// All pages of a server.
pub(super) struct Pages {
    server: Arc<Server>,
    overview: RefCell<Overview>,
}

/// What a page is, before it becomes a response.
struct Page {
    status: StatusCode,
    content: &'static str,
    body: String,
}

impl Page {
    fn text(status: StatusCode, body: impl Into<String>) -> Self {
        Page { status, content: "text/plain; charset=utf-8", body: body.into() }
    }
}

impl Pages {
    pub(super) fn new(server: Arc<Server>) -> Self {
        Pages { server, overview: RefCell::default() }
    }

    /// The response to a request. What it carries beside its head is not looked at.
    pub(super) fn answer<B>(&self, request: &Request<B>) -> Response<Full<Bytes>> {
        let path = request.uri().path();
        // What asks for health has no passwords.
        let is_health = path.starts_with("/health/");
        let page = if !is_health && !access::is_granted(&self.server.settings(), request.headers()) {
            Page::text(StatusCode::UNAUTHORIZED, "a name and a password are needed: metrics-user, metrics-password\n")
        } else if ![Method::GET, Method::HEAD].contains(request.method()) {
            Page::text(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD\n")
        } else {
            match path {
                "/metrics" => self.metrics(request),
                "/json" => self.json(),
                "/health/live" => Page::text(StatusCode::OK, "alive\n"),
                "/health/ready" => ready(self.server.unready()),
                _ => Page::text(StatusCode::NOT_FOUND, "/metrics, /json, /health/live, /health/ready\n"),
            }
        };
        respond(page)
    }

    fn figures(&self) -> Figures {
        Figures::of(&self.server, &mut self.overview.borrow_mut())
    }

    fn metrics<B>(&self, request: &Request<B>) -> Page {
        let accept = request.headers().get(ACCEPT).map_or(&b""[..], |value| value.as_bytes());
        let format = Format::accepted(accept);
        Page { status: StatusCode::OK, content: format.content(), body: exposition(&self.figures(), format) }
    }

    fn json(&self) -> Page {
        let body = self.figures().json().to_string() + "\n";
        Page { status: StatusCode::OK, content: "application/json", body }
    }
}

fn ready(unready: Option<Unready>) -> Page {
    match unready {
        None => Page::text(StatusCode::OK, "ready\n"),
        Some(why) => Page::text(StatusCode::SERVICE_UNAVAILABLE, format!("{}\n", why.word())),
    }
}

fn respond(page: Page) -> Response<Full<Bytes>> {
    let Page { status, content, body } = page;
    let mut response =
        Response::builder().status(status).header(CONTENT_TYPE, content).header(CACHE_CONTROL, "no-store");
    if status == StatusCode::UNAUTHORIZED {
        response = response.header(WWW_AUTHENTICATE, "Basic realm=\"pregon\"");
    }
    if status == StatusCode::METHOD_NOT_ALLOWED {
        response = response.header(ALLOW, "GET, HEAD");
    }
    // All of these headers are valid.
    response.body(Full::from(body)).unwrap_or_default()
}
