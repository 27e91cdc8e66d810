//! What is answered at which path.

use std::cell::RefCell;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{Either, Full};
use hyper::header::{
    ACCEPT, ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, REFERRER_POLICY,
    WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Method, Request, Response, StatusCode};

use super::access;
use super::assets::{self, asset};
use super::board::board;
use super::events::{Events, Lease, Watchers, event};
use super::exposition::{Format, exposition};
use super::figures::Figures;
use super::history::History;
use crate::command::info::Overview;
use crate::net::tls::acceptor::Acceptor;
use crate::server::{Server, Unready};

/// The body of a response.
pub(super) type Content = Either<Full<Bytes>, Events>;

/// All pages of a server.
pub(super) struct Pages {
    server: Arc<Server>,
    acceptor: Arc<Acceptor>,
    overview: RefCell<Overview>,
    history: RefCell<History>,
    pub(super) watchers: Watchers,
    /// The event of the last moment that was looked at, with its number, so that each is looked at once.
    latest: RefCell<(u64, Bytes)>,
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
    pub(super) fn new(server: Arc<Server>, acceptor: Arc<Acceptor>) -> Self {
        let (overview, history, latest) = (RefCell::default(), RefCell::default(), RefCell::default());
        Pages { server, acceptor, overview, history, watchers: Watchers::default(), latest }
    }

    /// Notes what has happened since this was done last, and tells everybody who watches; to be called once a second.
    pub(super) fn look(&self) {
        self.history.borrow_mut().take(&self.server);
        if self.watchers.is_anybody() {
            self.watchers.send(&self.latest());
        }
    }

    /// The response to a request on a connection that lives as long as `lease` says. What it carries beside its head is not
    /// looked at.
    pub(super) fn answer<B>(&self, request: &Request<B>, lease: &Lease) -> Response<Content> {
        let path = request.uri().path();
        // What asks for health has no passwords.
        let is_health = path.starts_with("/health/");
        let page = if !is_health && !access::is_granted(&self.server.settings(), request.headers()) {
            Page::text(StatusCode::UNAUTHORIZED, "a name and a password are needed: metrics-user, metrics-password\n")
        } else if ![Method::GET, Method::HEAD].contains(request.method()) {
            Page::text(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD\n")
        } else if path == "/events" && request.method() == Method::GET {
            match self.watchers.welcome(&self.beginning(), lease) {
                Some(events) => return stream(events),
                None => Page::text(StatusCode::SERVICE_UNAVAILABLE, "too many watch already\n"),
            }
        } else {
            self.page(path, request)
        };
        respond(page)
    }

    fn page<B>(&self, path: &str, request: &Request<B>) -> Page {
        match path {
            "/metrics" => self.metrics(request),
            "/json" => self.json(),
            "/health/live" => Page::text(StatusCode::OK, "alive\n"),
            "/health/ready" => ready(self.server.unready()),
            "/events" => Page { status: StatusCode::OK, content: EVENTS, body: String::new() },
            _ => match asset(path) {
                Some((content, text)) => Page { status: StatusCode::OK, content, body: text.to_owned() },
                None => Page::text(StatusCode::NOT_FOUND, "/, /metrics, /json, /events, /health/live, /health/ready\n"),
            },
        }
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
        let history = self.history.borrow();
        let mut all = board(&self.server, &self.acceptor, &history);
        all["info"] = self.figures().json();
        all["history"] = history.all();
        Page { status: StatusCode::OK, content: "application/json", body: all.to_string() + "\n" }
    }

    /// What a stream of events begins with: what was before, and the last moment.
    fn beginning(&self) -> String {
        let latest = self.latest();
        event("history", &self.history.borrow().all().to_string()) + &String::from_utf8_lossy(&latest)
    }

    /// The event of the last moment.
    fn latest(&self) -> Bytes {
        let history = self.history.borrow();
        let mut latest = self.latest.borrow_mut();
        if latest.0 != history.number() || latest.1.is_empty() {
            let board = board(&self.server, &self.acceptor, &history);
            *latest = (history.number(), event("board", &board.to_string()).into());
        }
        latest.1.clone()
    }
}

/// What a stream of events is.
const EVENTS: &str = "text/event-stream";

fn ready(unready: Option<Unready>) -> Page {
    match unready {
        None => Page::text(StatusCode::OK, "ready\n"),
        Some(why) => Page::text(StatusCode::SERVICE_UNAVAILABLE, format!("{}\n", why.word())),
    }
}

fn respond(page: Page) -> Response<Content> {
    let Page { status, content, body } = page;
    let mut response = headed(status, content, Either::Left(Full::from(body)));
    let headers = response.headers_mut();
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"pregon\""));
    }
    if status == StatusCode::METHOD_NOT_ALLOWED {
        headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    }
    response
}

fn stream(events: Events) -> Response<Content> {
    headed(StatusCode::OK, EVENTS, Either::Right(events))
}

fn headed(status: StatusCode, content: &'static str, body: Content) -> Response<Content> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    for (name, value) in [
        (CONTENT_TYPE, content),
        (CACHE_CONTROL, "no-store"),
        (CONTENT_SECURITY_POLICY, assets::POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
