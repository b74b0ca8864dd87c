//! `/explain`: what is in force and why, as a page, as text and as JSON.
//!
//! A browser gets the page, whoever accepts JSON gets that, and `curl` gets text; `/explain.json`
//! and `/explain.txt` are the same whoever asks.

use axum::http::HeaderMap;
use axum::http::header::ACCEPT;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use meshpool::istio::Explanation;
use meshpool::istio::explain::{Load, PAGE};
use serde::Serialize;

/// What the page asks for: the explanation, and beside it the pool's numbers.
#[derive(Serialize)]
struct Answer {
    #[serde(flatten)]
    explanation: Explanation,
    pool: Load,
}

/// The routes, of what `explain` says at the time when it is asked.
pub(crate) fn routes<S, F>(explain: F) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
    F: Fn() -> (Explanation, Load) + Clone + Send + Sync + 'static,
{
    let [negotiated, in_json, in_text] = [(); 3].map(|()| explain.clone());
    Router::new()
        .route(
            "/explain",
            get(async move |headers: HeaderMap| {
                if accepts(&headers, "text/html") {
                    Html(PAGE).into_response()
                } else if accepts(&headers, "application/json") {
                    json(negotiated())
                } else {
                    text(negotiated())
                }
            }),
        )
        .route("/explain.json", get(async move || json(in_json())))
        .route("/explain.txt", get(async move || text(in_text())))
}

fn accepts(headers: &HeaderMap, media_type: &str) -> bool {
    let accept = headers.get_all(ACCEPT).iter();
    let mut texts = accept.filter_map(|value| value.to_str().ok());
    texts.any(|text| text.contains(media_type))
}

fn json((explanation, pool): (Explanation, Load)) -> Response {
    Json(Answer { explanation, pool }).into_response()
}

fn text((explanation, load): (Explanation, Load)) -> Response {
    format!("{explanation}\n{load}\n").into_response()
}
