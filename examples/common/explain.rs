//! `/explain`: what is in force and why, as a page, as text and as JSON.
//!
//! A browser gets the page, whoever accepts JSON gets that, and `curl` gets text; `/explain.json`
//! and `/explain.txt` are the same whoever asks.

use axum::http::header::ACCEPT;
use axum::http::{HeaderMap, StatusCode};
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

/// How many problems of each severity are told of all rules together.
const MOST: usize = 100;

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
                    answer(negotiated, json).await
                } else {
                    answer(negotiated, text).await
                }
            }),
        )
        .route(
            "/explain.json",
            get(async move || answer(in_json, json).await),
        )
        .route(
            "/explain.txt",
            get(async move || answer(in_text, text).await),
        )
}

/// It looks through all rules, so it keeps no thread busy that serves requests.
async fn answer<F>(explain: F, form: fn(Explanation, Load) -> Response) -> Response
where
    F: FnOnce() -> (Explanation, Load) + Send + 'static,
{
    let made = tokio::task::spawn_blocking(move || {
        let (explanation, load) = explain();
        form(explanation.brief(MOST), load)
    });
    let failed = |_| StatusCode::INTERNAL_SERVER_ERROR.into_response();
    made.await.unwrap_or_else(failed)
}

fn accepts(headers: &HeaderMap, media_type: &str) -> bool {
    let accept = headers.get_all(ACCEPT).iter();
    let mut texts = accept.filter_map(|value| value.to_str().ok());
    texts.any(|text| text.contains(media_type))
}

fn json(explanation: Explanation, pool: Load) -> Response {
    Json(Answer { explanation, pool }).into_response()
}

fn text(explanation: Explanation, load: Load) -> Response {
    format!("{explanation}\n{load}\n").into_response()
}
