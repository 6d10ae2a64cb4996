//! All routes, and the search in them.

use super::route::Route;
use super::{apps, auth, models, monitoring, providers, record, system, users};
use http::Method;

/// By noun.
const NOUNS: [&[Route]; 8] = [
    auth::ROUTES,
    system::ROUTES,
    providers::ROUTES,
    models::ROUTES,
    apps::ROUTES,
    users::ROUTES,
    record::ROUTES,
    monitoring::ROUTES,
];
/// Paths below a noun of ours that are llm-link 0.7's: client APIs answer them.
const OLD: [&str; 8] = [
    "/config/current",
    "/config/pid",
    "/config/update",
    "/config/validate",
    "/config/validate-key",
    "/config/update-key",
    "/config/switch-provider",
    "/config/shutdown",
];
const VERSIONED: &str = "/api/v1";
/// Every path of the admin API begins so.
pub(crate) const UNVERSIONED: &str = "/api";

/// What a request's path comes to.
pub(super) enum Found {
    Route(&'static Route, Vec<(&'static str, String)>),
    /// The path exists, for these methods.
    OtherMethod(String),
    Nothing,
}

/// Every route, in the order of the documentation.
pub(super) fn all() -> impl Iterator<Item = &'static Route> {
    NOUNS.into_iter().flatten()
}

/// The part below the base, if the path is one of the admin API. Below `/api` without a version other APIs live
/// too: there only the first part of one of our routes counts.
pub(super) fn below_base(path: &str) -> Option<&str> {
    if let Some(rest) = path.strip_prefix(VERSIONED)
        && (rest.is_empty() || rest.starts_with('/'))
    {
        return Some(rest);
    }
    let ours = |rest: &&str| rest.starts_with('/') && !OLD.contains(&rest.trim_end_matches('/'));
    let rest = path.strip_prefix(UNVERSIONED).filter(ours)?;
    all().any(|route| first_part(route.path) == first_part(rest)).then_some(rest)
}

fn first_part(path: &str) -> &str {
    path.split('/').nth(1).unwrap_or_default()
}

/// Looks up a path below the base. Fixed parts win over names.
pub(super) fn find(method: &Method, path: &str) -> Found {
    let path = if path.len() > 1 { path.strip_suffix('/').unwrap_or(path) } else { path };
    let mut matching: Vec<_> = all().filter_map(|route| Some((route, route.matches(path)?))).collect();
    let fewest = matching.iter().map(|(_, names)| names.len()).min();
    matching.retain(|(_, names)| Some(names.len()) == fewest);
    if let Some(at) = matching.iter().position(|(route, _)| route.verb.takes(method)) {
        let (route, names) = matching.swap_remove(at);
        return Found::Route(route, names);
    }
    if matching.is_empty() {
        return Found::Nothing;
    }
    Found::OtherMethod(matching.iter().map(|(route, _)| route.verb.allow()).collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::router::admin::route::{Does, sample};
    use protocol::control::Access;
    use std::collections::BTreeSet;

    #[test]
    fn every_example_is_taken() {
        for route in all() {
            assert!(route.access().is_ok(), "{} {}: {:?}", route.verb.name(), route.path, route.access());
        }
    }

    #[test]
    fn ids_and_places_are_unique() {
        let ids: BTreeSet<_> = all().map(|r| r.id).collect();
        let places: BTreeSet<_> = all().map(|r| (r.path, r.verb.name())).collect();
        assert_eq!((ids.len(), places.len()), (all().count(), all().count()));
    }

    #[test]
    fn every_route_is_found_under_both_bases() {
        for route in all() {
            let filled = route
                .names()
                .fold(route.path.to_owned(), |path, name| path.replace(&format!("{{{name}}}"), sample(name)));
            let method = Method::from_bytes(route.verb.name().to_uppercase().as_bytes()).unwrap();
            for base in [VERSIONED, UNVERSIONED] {
                let path = format!("{base}{filled}");
                let below = below_base(&path).unwrap();
                let Found::Route(found, _) = find(&method, below) else { panic!("{path} is lost") };
                assert_eq!(found.id, route.id, "{path}");
            }
        }
    }

    #[test]
    fn paths_of_other_apis_are_left_alone() {
        for other in [
            "/api/chat",
            "/api/tags",
            "/api/version",
            "/api/show",
            "/api/config/current",
            "/api/config/pid/",
            "/v1/models",
            "/api",
            "/apix",
            "/api/v12/x",
            "/",
        ] {
            assert_eq!(below_base(other), None, "{other}");
        }
        assert_eq!(below_base("/api/v1/chat"), Some("/chat"), "below the version everything is ours");
        assert!(matches!(find(&Method::GET, "/chat"), Found::Nothing));
        let Found::OtherMethod(allow) = find(&Method::PATCH, "/providers/x") else { panic!("found") };
        assert_eq!(allow, "GET, HEAD, PUT, DELETE");
    }

    #[test]
    fn only_what_makes_a_login_is_open() {
        let open: Vec<_> = all()
            .filter(|r| matches!(r.does, Does::Ask(_)) && r.access() == Ok(Access::Open))
            .map(|r| r.id)
            .collect();
        assert_eq!(open, ["setupState", "setup", "login", "refresh"]);
    }
}
