//! The page: its files are in the program, and it loads nothing from elsewhere.

/// A file of the page: its path, what it is, and what is in it.
type Asset = (&'static str, &'static str, &'static str);

const ASSETS: [Asset; 4] = [
    ("/", "text/html; charset=utf-8", include_str!("page/page.html")),
    ("/page.css", "text/css; charset=utf-8", include_str!("page/page.css")),
    ("/page.js", "text/javascript; charset=utf-8", include_str!("page/page.js")),
    ("/icon.svg", "image/svg+xml", include_str!("page/icon.svg")),
];

/// What browsers are told that the page may do: use these files and ask this server, nothing else.
pub(super) const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                                 connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What the file at this path is, and what is in it.
pub(super) fn asset(path: &str) -> Option<(&'static str, &'static str)> {
    ASSETS.iter().find(|(known, ..)| *known == path).map(|(_, content, text)| (*content, *text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_names_nothing_that_is_not_here_and_has_nothing_that_its_policy_forbids() {
        let (_, page) = asset("/").expect("there is a page");
        for attribute in ["src=\"", "href=\""] {
            for rest in page.split(attribute).skip(1) {
                let path = rest.split('"').next().unwrap_or_default();
                assert!(
                    path.starts_with('#') || asset(path).is_some() || path == "/json" || path == "/metrics",
                    "{path}"
                );
            }
        }
        for forbidden in ["<style", " style=", "<script>", " onclick=", "javascript:"] {
            assert!(!page.contains(forbidden), "{forbidden}");
        }
        let (_, script) = asset("/page.js").expect("there is a script");
        for forbidden in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "http:", "https:"]
        {
            let allowed = script.replace("http://www.w3.org/2000/svg", "");
            assert!(!allowed.contains(forbidden), "{forbidden}");
        }
    }
}
