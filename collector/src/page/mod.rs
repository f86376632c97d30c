//! The page for the first minutes: a few files of this binary, and a policy that lets nothing else in.
//!
//! It holds no data: what it shows it asks for as any client does. So it is there for everybody, while what it asks for wants a token where
//! `query.auth` says so, and a name of this host where it does not.

use axum::Router;
use axum::response::IntoResponse;
use axum::routing::get;
use http::HeaderName;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};

/// Scripts and styles are these files and no others: no markup that a name might hold can run or be sent anywhere.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'";

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";

/// Path, type, and what is there.
const FILES: [(&str, &str, &str); 16] = [
    ("/", HTML, include_str!("assets/index.html")),
    ("/page/style.css", STYLE, include_str!("assets/style.css")),
    ("/page/main.js", SCRIPT, include_str!("assets/main.js")),
    ("/page/api.js", SCRIPT, include_str!("assets/api.js")),
    ("/page/dom.js", SCRIPT, include_str!("assets/dom.js")),
    ("/page/text.js", SCRIPT, include_str!("assets/text.js")),
    ("/page/traces.js", SCRIPT, include_str!("assets/traces.js")),
    ("/page/spans.js", SCRIPT, include_str!("assets/spans.js")),
    ("/page/functions.js", SCRIPT, include_str!("assets/functions.js")),
    ("/page/profiles.js", SCRIPT, include_str!("assets/profiles.js")),
    ("/page/flame.js", SCRIPT, include_str!("assets/flame.js")),
    ("/page/pprof.js", SCRIPT, include_str!("assets/pprof.js")),
    ("/page/memory.js", SCRIPT, include_str!("assets/memory.js")),
    ("/page/line.js", SCRIPT, include_str!("assets/line.js")),
    ("/page/health.js", SCRIPT, include_str!("assets/health.js")),
    ("/page/openmetrics.js", SCRIPT, include_str!("assets/openmetrics.js")),
];

/// The routes.
pub fn routes() -> Router {
    FILES.iter().fold(Router::new(), |router, (path, kind, text)| router.route(path, get(|| file(kind, text))))
}

async fn file(kind: &'static str, text: &'static str) -> impl IntoResponse {
    const ISOLATED: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
    let headers = [
        (CONTENT_TYPE, kind),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (REFERRER_POLICY, "no-referrer"),
        (ISOLATED, "same-origin"),
        // Another binary may be there tomorrow.
        (CACHE_CONTROL, "no-cache"),
    ];
    (headers, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_served_and_all_that_files_name() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/page/assets");
        assert_eq!(std::fs::read_dir(folder).unwrap().count(), FILES.len());
        let is_served = |path: &str| FILES.iter().any(|(served, ..)| *served == path);
        for (path, _, text) in FILES {
            let imports = text.split(" from \"./").skip(1);
            for name in imports.filter_map(|rest| rest.split('"').next()) {
                assert!(is_served(&format!("/page/{name}")), "{path}: {name}");
            }
            let names = text.split("=\"/page/").skip(1).filter_map(|rest| rest.split('"').next());
            names.for_each(|name| assert!(is_served(&format!("/page/{name}")), "{path}: {name}"));
        }
    }

    #[test]
    fn nothing_on_the_page_parses_markup() {
        for (path, _, text) in FILES {
            for way in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "style=", "<script>"]
            {
                assert!(!text.contains(way), "{path}: {way}");
            }
        }
    }
}
