#include "ngx_module/routes.hpp"

#include "ngx_module/url.hpp"

namespace errtrack __attribute__((visibility("hidden"))) {

namespace {

constexpr Surface integrated = Surface::integrated;
constexpr Surface rest = Surface::rest;
constexpr Surface sentry = Surface::sentry;
constexpr Access reads = Access::read;
constexpr Access writes = Access::write;
constexpr Access document = Access::document;

/* Stands for a segment that is no text: nothing is called so. */
constexpr std::string_view no_text = "\xef\xbf\xbd";

/* Routes with the same pattern stand together. openapi.json describes each of them. */
constexpr Route routes[] = {
    {"GET", "/errortracking/api/v1/openapi.json", integrated, document, ""},
    {"GET", "/api/0/openapi.json", sentry, document, ""},

    {"GET", "/errortracking/api/v1/projects/{projectId}/errors", integrated, reads, "list_errors", Paging::gitlab},
    {"GET", "/errortracking/api/v1/projects/{projectId}/errors/{fingerprint}", integrated, reads, "get_error"},
    {"PUT", "/errortracking/api/v1/projects/{projectId}/errors/{fingerprint}", integrated, writes, "update_error"},
    {"GET", "/errortracking/api/v1/projects/{projectId}/errors/{fingerprint}/events", integrated, reads,
     "list_error_events", Paging::gitlab},
    {"GET", "/errortracking/api/v1/projects/{projectId}/messages", integrated, reads, "list_messages"},
    {"DELETE", "/errortracking/api/v1/projects/{id}", integrated, writes, "delete_project_data"},
    {"GET", "/errortracking/api/v1/api/0/organizations/{groupId}/issues", integrated, reads, "group_issues"},
    {"GET", "/errortracking/api/v1/api/0/organizations/{groupId}/projects", integrated, reads, "group_projects_list"},
    {"GET", "/errortracking/api/v1/api/0/organizations/{groupId}/stats_v2", integrated, reads, "group_stats"},
    {"POST", "/api/v4/internal/error_tracking/allowed", integrated, Access::open, "key_allowed"},

    {"GET", "/api/v4/projects/{id}/error_tracking/settings", rest, reads, "rest_settings"},
    {"PATCH", "/api/v4/projects/{id}/error_tracking/settings", rest, writes, "rest_settings_change"},
    {"PUT", "/api/v4/projects/{id}/error_tracking/settings", rest, writes, "rest_settings_put"},
    {"GET", "/api/v4/projects/{id}/error_tracking/client_keys", rest, reads, "rest_list_client_keys", Paging::numbers},
    {"POST", "/api/v4/projects/{id}/error_tracking/client_keys", rest, writes, "rest_create_client_key"},
    {"DELETE", "/api/v4/projects/{id}/error_tracking/client_keys/{key_id}", rest, writes, "rest_delete_client_key"},

    {"GET", "/api/0", sentry, reads, "sentry_whoami"},
    {"GET", "/api/0/auth", sentry, reads, "sentry_me"},
    {"POST", "/api/0/auth", sentry, Access::open, "sign_in"},
    {"DELETE", "/api/0/auth", sentry, writes, "sign_out"},
    {"GET", "/api/0/api-tokens", sentry, reads, "sentry_tokens"},
    {"POST", "/api/0/api-tokens", sentry, writes, "sentry_token_create"},
    {"DELETE", "/api/0/api-tokens", sentry, writes, "sentry_token_delete"},
    {"DELETE", "/api/0/api-tokens/{token}", sentry, writes, "sentry_token_delete"},
    {"GET", "/api/0/projects", sentry, reads, "sentry_projects"},
    {"GET", "/api/0/organizations", sentry, reads, "sentry_organizations"},
    {"POST", "/api/0/organizations", sentry, writes, "sentry_organization_create"},
    {"GET", "/api/0/organizations/{organization}", sentry, reads, "sentry_organization_get"},
    {"GET", "/api/0/organizations/{organization}/projects", sentry, reads, "sentry_projects"},
    {"POST", "/api/0/organizations/{organization}/projects", sentry, writes, "sentry_project_create"},
    {"GET", "/api/0/organizations/{organization}/members", sentry, reads, "sentry_members"},
    {"POST", "/api/0/organizations/{organization}/members", sentry, writes, "sentry_member_set"},
    {"PUT", "/api/0/organizations/{organization}/members/{member}", sentry, writes, "sentry_member_set"},
    {"DELETE", "/api/0/organizations/{organization}/members/{member}", sentry, writes, "sentry_member_delete"},
    {"GET", "/api/0/organizations/{organization}/users", sentry, reads, "sentry_members"},
    {"GET", "/api/0/organizations/{organization}/repos", sentry, reads, "sentry_repositories"},
    {"GET", "/api/0/organizations/{organization}/shortids/{issue}", sentry, reads, "sentry_short_id"},
    {"GET", "/api/0/organizations/{organization}/eventids/{event}", sentry, reads, "sentry_event_id"},
    {"GET", "/api/0/organizations/{organization}/issues", sentry, reads,
     "sentry_organization_issues", Paging::sentry},
    {"PUT", "/api/0/organizations/{organization}/issues", sentry, writes, "sentry_organization_issues_update"},

    {"GET", "/api/0/projects/{organization}/{project}", sentry, reads, "sentry_project_get"},
    {"PUT", "/api/0/projects/{organization}/{project}", sentry, writes, "sentry_project_update", Paging::none, {},
     true},
    {"DELETE", "/api/0/projects/{organization}/{project}", sentry, writes, "sentry_project_delete"},
    {"GET", "/api/0/projects/{organization}/{project}/keys", sentry, reads, "sentry_keys"},
    {"POST", "/api/0/projects/{organization}/{project}/keys", sentry, writes, "sentry_key_create"},
    {"GET", "/api/0/projects/{organization}/{project}/keys/{key}", sentry, reads, "sentry_key_get"},
    {"PUT", "/api/0/projects/{organization}/{project}/keys/{key}", sentry, writes, "sentry_key_update"},
    {"DELETE", "/api/0/projects/{organization}/{project}/keys/{key}", sentry, writes, "sentry_key_delete"},
    {"POST", "/api/0/projects/{organization}/{project}/keys/{key}/rotate", sentry, writes, "key_rotate"},
    {"GET", "/api/0/projects/{organization}/{project}/issues", sentry, reads, "sentry_issues", Paging::sentry},
    {"PUT", "/api/0/projects/{organization}/{project}/issues", sentry, writes, "sentry_issues_update"},
    {"DELETE", "/api/0/projects/{organization}/{project}/issues", sentry, writes, "sentry_issues_delete"},
    {"GET", "/api/0/projects/{organization}/{project}/events", sentry, reads, "sentry_project_events", Paging::sentry},
    {"GET", "/api/0/projects/{organization}/{project}/events/{event}", sentry, reads, "sentry_project_event"},
    {"GET", "/api/0/projects/{organization}/{project}/events/{event}/json", sentry, reads, "sentry_event_json"},

    {"GET", "/api/0/issues/{issue}", sentry, reads, "sentry_issue_get"},
    {"PUT", "/api/0/issues/{issue}", sentry, writes, "sentry_issue_update"},
    {"DELETE", "/api/0/issues/{issue}", sentry, writes, "sentry_issue_delete"},
    {"GET", "/api/0/issues/{issue}/events", sentry, reads, "sentry_issue_events", Paging::sentry},
    {"GET", "/api/0/issues/{issue}/events/{event}", sentry, reads, "sentry_issue_event"},
    {"GET", "/api/0/issues/{issue}/hashes", sentry, reads, "sentry_hashes"},
    {"DELETE", "/api/0/issues/{issue}/hashes", sentry, writes, "sentry_hashes_delete"},
    {"GET", "/api/0/issues/{issue}/tags", sentry, reads, "sentry_tags"},
    {"GET", "/api/0/issues/{issue}/tags/{key}", sentry, reads, "sentry_tags"},
    {"GET", "/api/0/issues/{issue}/tags/{key}/values", sentry, reads, "sentry_tag_values"},
    {"GET", "/api/0/issues/{issue}/activities", sentry, reads, "sentry_activities"},
    {"GET", "/api/0/issues/{issue}/comments", sentry, reads, "sentry_comments"},
    {"POST", "/api/0/issues/{issue}/comments", sentry, writes, "sentry_comment_create"},
    {"DELETE", "/api/0/issues/{issue}/comments/{comment}", sentry, writes, "sentry_comment_delete"},

    {"GET", "/api/0/organizations/{organization}/issues/{issue}", sentry, reads, "sentry_issue_get"},
    {"PUT", "/api/0/organizations/{organization}/issues/{issue}", sentry, writes, "sentry_issue_update"},
    {"DELETE", "/api/0/organizations/{organization}/issues/{issue}", sentry, writes, "sentry_issue_delete"},
    {"GET", "/api/0/organizations/{organization}/issues/{issue}/events", sentry, reads,
     "sentry_issue_events", Paging::sentry},
    {"GET", "/api/0/organizations/{organization}/issues/{issue}/events/{event}", sentry, reads, "sentry_issue_event"},
    {"GET", "/api/0/organizations/{organization}/issues/{issue}/hashes", sentry, reads, "sentry_hashes"},
    {"DELETE", "/api/0/organizations/{organization}/issues/{issue}/hashes", sentry, writes, "sentry_hashes_delete"},
    {"GET", "/api/0/organizations/{organization}/issues/{issue}/tags", sentry, reads, "sentry_tags"},
    {"GET", "/api/0/organizations/{organization}/issues/{issue}/tags/{key}", sentry, reads, "sentry_tags"},
    {"GET", "/api/0/organizations/{organization}/issues/{issue}/tags/{key}/values", sentry, reads,
     "sentry_tag_values"},
    {"GET", "/api/0/organizations/{organization}/issues/{issue}/activities", sentry, reads, "sentry_activities"},
    {"GET", "/api/0/organizations/{organization}/issues/{issue}/comments", sentry, reads, "sentry_comments"},
    {"POST", "/api/0/organizations/{organization}/issues/{issue}/comments", sentry, writes, "sentry_comment_create"},
    {"DELETE", "/api/0/organizations/{organization}/issues/{issue}/comments/{comment}", sentry, writes,
     "sentry_comment_delete"},

    {"POST", "/api/0/issues/{issue}/plugins/gitlab/link", sentry, writes, "sentry_plugin_link"},
    {"PUT", "/api/0/groups/{issue}/integrations/{integration}", sentry, writes, "sentry_integration_link"},

    {"GET", "/api/0/organizations/{organization}/releases", sentry, reads, "sentry_releases", Paging::sentry},
    {"POST", "/api/0/organizations/{organization}/releases", sentry, writes, "sentry_release_create"},
    {"GET", "/api/0/organizations/{organization}/releases/{version}", sentry, reads, "sentry_release_get"},
    {"PUT", "/api/0/organizations/{organization}/releases/{version}", sentry, writes, "sentry_release_update"},
    {"DELETE", "/api/0/organizations/{organization}/releases/{version}", sentry, writes, "sentry_release_delete"},
    {"GET", "/api/0/organizations/{organization}/releases/{version}/commits", sentry, reads, "sentry_commits"},
    {"GET", "/api/0/organizations/{organization}/releases/{version}/previous-with-commits", sentry, reads,
     "sentry_previous_release"},
    {"GET", "/api/0/organizations/{organization}/releases/{version}/deploys", sentry, reads, "sentry_deploys"},
    {"POST", "/api/0/organizations/{organization}/releases/{version}/deploys", sentry, writes,
     "sentry_deploy_create"},
    {"GET", "/api/0/organizations/{organization}/environments", sentry, reads, "sentry_environments"},

    {"GET", "/api/0/projects/{organization}/{project}/releases", sentry, reads, "sentry_releases", Paging::sentry},
    {"POST", "/api/0/projects/{organization}/{project}/releases", sentry, writes, "sentry_release_create"},
    {"GET", "/api/0/projects/{organization}/{project}/releases/{version}", sentry, reads, "sentry_release_get"},
    {"PUT", "/api/0/projects/{organization}/{project}/releases/{version}", sentry, writes, "sentry_release_update"},
    {"DELETE", "/api/0/projects/{organization}/{project}/releases/{version}", sentry, writes,
     "sentry_release_delete"},
    {"GET", "/api/0/projects/{organization}/{project}/releases/{version}/commits", sentry, reads, "sentry_commits"},
    {"GET", "/api/0/projects/{organization}/{project}/environments", sentry, reads, "sentry_environments"},

    {"GET", "/api/0/organizations/{organization}/stats_v2", sentry, reads, "sentry_stats"},
    {"GET", "/api/0/projects/{organization}/{project}/stats", sentry, reads, "sentry_project_stats"},
    {"GET", "/api/0/projects/{organization}/{project}/ledger", sentry, reads, "sentry_ledger"},
    {"GET", "/api/0/projects/{organization}/{project}/health", sentry, reads, "sentry_health"},
    {"GET", "/api/0/projects/{organization}/{project}/transactions", sentry, reads, "sentry_transactions"},
    {"GET", "/api/0/organizations/{organization}/monitors", sentry, reads, "sentry_monitors"},
    {"GET", "/api/0/projects/{organization}/{project}/monitors", sentry, reads, "sentry_monitors"},
    {"GET", "/api/0/projects/{organization}/{project}/monitors/{monitor}/checkins", sentry, reads,
     "sentry_check_ins"},
    {"GET", "/api/0/projects/{organization}/{project}/user-feedback", sentry, reads, "sentry_feedback"},
    {"GET", "/api/0/issues/{issue}/user-reports", sentry, reads, "sentry_feedback"},
    {"GET", "/api/0/projects/{organization}/{project}/events/{event}/attachments", sentry, reads, "sentry_attachments"},
    {"GET", "/api/0/projects/{organization}/{project}/events/{event}/attachments/{attachment}", sentry, reads,
     "sentry_attachment"},
    {"GET", "/api/0/projects/{organization}/{project}/events/{event}/grouping", sentry, reads, "sentry_grouping"},

    {"GET", "/api/0/organizations/{organization}/chunk-upload", sentry, reads, "sentry_chunk_options"},
    {"POST", "/api/0/organizations/{organization}/chunk-upload", sentry, Access::upload, "sentry_chunk_upload"},
    {"POST", "/api/0/organizations/{organization}/artifactbundle/assemble", sentry, writes, "sentry_bundle_assemble"},
    {"POST", "/api/0/organizations/{organization}/releases/{version}/assemble", sentry, writes,
     "sentry_release_assemble"},
    {"POST", "/api/0/projects/{organization}/{project}/files/difs/assemble", sentry, writes, "sentry_dif_assemble"},
    {"GET", "/api/0/projects/{organization}/{project}/files/dsyms", sentry, reads, "sentry_debug_files"},
    {"GET", "/api/0/projects/{organization}/{project}/releases/{version}/files", sentry, reads,
     "sentry_release_files"},
    {"POST", "/api/0/projects/{organization}/{project}/releases/{version}/files", sentry, Access::upload,
     "sentry_release_file_create"},
    {"DELETE", "/api/0/projects/{organization}/{project}/releases/{version}/files/{file}", sentry, writes,
     "sentry_upload_delete"},

    {"POST", "/api/0/projects/{organization}/{project}/grouping-rules/dry-run", sentry, writes, "rules_dry_run",
     Paging::none, {}, true},
    {"GET", "/api/0/projects/{organization}/{project}/grouping-rules/dry-run/{run}", sentry, reads,
     "rules_dry_run_get"},
    {"GET", "/api/0/projects/{organization}/{project}/channels", sentry, reads, "channels_list"},
    {"POST", "/api/0/projects/{organization}/{project}/channels", sentry, writes, "channel_create", Paging::none,
     "channel"},
    {"GET", "/api/0/projects/{organization}/{project}/channels/{channel}", sentry, reads, "channel_get"},
    {"PUT", "/api/0/projects/{organization}/{project}/channels/{channel}", sentry, writes, "channel_update",
     Paging::none, "channel"},
    {"DELETE", "/api/0/projects/{organization}/{project}/channels/{channel}", sentry, writes, "channel_delete"},
    {"POST", "/api/0/projects/{organization}/{project}/channels/{channel}/test", sentry, writes, "channel_test"},
    {"POST", "/api/0/projects/{organization}/{project}/channels/{channel}/resume", sentry, writes, "channel_resume"},
    {"GET", "/api/0/projects/{organization}/{project}/alert-rules", sentry, reads, "alert_rules_list"},
    {"POST", "/api/0/projects/{organization}/{project}/alert-rules", sentry, writes, "alert_rule_create"},
    {"GET", "/api/0/projects/{organization}/{project}/alert-rules/{rule}", sentry, reads, "alert_rule_get"},
    {"PUT", "/api/0/projects/{organization}/{project}/alert-rules/{rule}", sentry, writes, "alert_rule_update"},
    {"DELETE", "/api/0/projects/{organization}/{project}/alert-rules/{rule}", sentry, writes, "alert_rule_delete"},
    {"GET", "/api/0/projects/{organization}/{project}/notifications", sentry, reads, "notifications_list",
     Paging::sentry},
    {"GET", "/api/0/projects/{organization}/{project}/notifications/{notification}", sentry, reads,
     "notification_get"},
    {"POST", "/api/0/projects/{organization}/{project}/notifications/{notification}/retry", sentry, writes,
     "notification_retry"},
    {"GET", "/api/0/projects/{organization}/{project}/trackers", sentry, reads, "trackers_list"},
    {"PUT", "/api/0/projects/{organization}/{project}/trackers/{provider}", sentry, writes, "tracker_set",
     Paging::none, "tracker"},
    {"DELETE", "/api/0/projects/{organization}/{project}/trackers/{provider}", sentry, writes, "tracker_delete"},
    {"POST", "/api/0/projects/{organization}/{project}/trackers/{provider}/test", sentry, writes, "tracker_test"},
    {"POST", "/api/0/projects/{organization}/{project}/trackers/{provider}/resume", sentry, writes, "tracker_resume"},
    {"POST", "/api/0/issues/{issue}/tracker-issues", sentry, writes, "tracker_issue_create"},
    {"POST", "/api/0/organizations/{organization}/issues/{issue}/tracker-issues", sentry, writes,
     "tracker_issue_create"},
};

bool path_matches(std::string_view pattern, std::string_view path, Match &match)
{
    match.captures.clear();
    for (;;) {
        std::string_view wanted = next_segment(pattern);
        std::string_view got = next_segment(path);
        if (wanted.empty() || got.empty()) {
            return wanted.empty() && got.empty();
        }
        std::string segment = percent_decode(got, false);
        if (wanted.front() == '{') {
            match.captures.emplace_back(wanted.substr(1, wanted.size() - 2),
                                        is_text(segment) ? std::move(segment) : std::string(no_text));
        } else if (segment != wanted) {
            return false;
        }
    }
}

}

Match match_route(std::string_view method, std::string_view path)
{
    if (method == "HEAD") {
        method = "GET";
    }
    Match match;
    for (const Route &route : routes) {
        if (!path_matches(route.pattern, path, match)) {
            continue;
        }
        if (route.method == method) {
            match.route = &route;
            return match;
        }
        match.allow += match.allow.empty() ? "" : ", ";
        match.allow += route.method == "GET" ? "GET, HEAD" : std::string(route.method);
    }
    match.status = match.allow.empty() ? 404 : 405;
    return match;
}

Surface surface_of(std::string_view path)
{
    std::string_view first = next_segment(path);
    return first == "errortracking" ? integrated : next_segment(path) == "v4" ? rest : Surface::sentry;
}

}
