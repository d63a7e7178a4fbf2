#include "worker/admin_command_line.hpp"

#include "worker/admin_accounts.hpp"
#include "worker/admin_edge.hpp"
#include "worker/admin_erase.hpp"
#include "worker/admin_grouping.hpp"
#include "worker/admin_issues.hpp"
#include "worker/admin_privacy.hpp"
#include "worker/admin_retention.hpp"

#include <cstdint>

namespace errtrack {

void CommandLine::add_projects()
{
    CLI::App *project = group("project", "projects");
    CLI::App *to = command(project, "create", "make a project with a client key", create_project);
    to->add_option("slug", options_.slug, "short name for addresses")->required();
    to->add_option("--org", options_.organization,
                   "id or slug of the organization (default: the only one)");
    to->add_option("--name", options_.name, "name for people (default: the slug, with capitals)");
    to->add_option("--platform", options_.platform, "platform, for example python");
    add_id(to, "--id", "id, for example that of the GitLab project (default: the next free one)");
    add_dsn(to);
    add_json(to);

    add_json(command(project, "list", "list projects", list_projects));

    to = command(project, "retention", "show how long the events of a project are kept, or keep them for less time than others",
                 project_retention);
    add_project(to);
    to->add_option("days", options_.project_days, "days; 0: as long as the instance does (default: only show it)")
        ->check(CLI::Range(0, 3650));

    to = command(project, "grouping", "show the version of grouping, or switch to another one",
                 project_grouping);
    add_project(to);
    CLI::Option *algorithm = to->add_option("algorithm", options_.algorithm,
                                            "switch to this one: g1, or g0 to try switching with");
    to->add_option("--transition", options_.transition_days,
                   "days in which issues of the one before go on with their errors; 0: none")
        ->needs(algorithm)
        ->capture_default_str()
        ->check(CLI::Range(0, 3650));
    add_json(to);
}

void CommandLine::add_keys()
{
    CLI::App *key = group("key", "client keys");
    CLI::App *to = command(key, "create", "make a client key", create_key);
    add_project(to);
    to->add_option("--public-key", options_.public_key,
                   "a key brought along from elsewhere (default: a new one)");
    to->add_option("--label", options_.label, "what the key is for");
    add_dsn(to);
    add_json(to);

    to = command(key, "list", "list the client keys of a project", list_keys);
    add_project(to);
    add_dsn(to);
    add_json(to);

    to = command(key, "disable", "refuse what a client key sends", disable_key);
    add_id(to, "key", "id of the key");
    to->get_option("key")->required();

    to = command(key, "delete", "remove a client key", delete_key);
    add_id(to, "key", "id of the key");
    to->get_option("key")->required();
}

void CommandLine::add_edge()
{
    const std::string categories =
        "all, error, transaction, session, attachment, monitor or feedback";
    CLI::App *quota = group("quota", "how much a project or a client key may send");
    CLI::App *to = command(quota, "list", "list the quotas of a project", list_quotas);
    add_project(to);
    add_json(to);

    to = command(quota, "set", "limit a category", set_quota);
    add_project(to);
    to->add_option("category", options_.category, categories)->required();
    to->add_option("limit", options_.limit, "items and window, for example 10000/1h; 0/1h: none")
        ->required();
    add_id(to, "--key", "id of a client key (default: the whole project)");

    to = command(quota, "remove", "take a limit away", remove_quota);
    add_project(to);
    to->add_option("category", options_.category, categories)->required();
    add_id(to, "--key", "id of a client key (default: the whole project)");

    const std::vector<std::string> kinds = {"address", "agent", "sdk", "event", "message", "release"};
    const std::string filters =
        "an address or network; crawlers or legacy-browsers; an SDK, for example "
        "sentry.javascript.*<7.0.0; browser-extensions, health-checks, legacy-browsers or "
        "localhost; *part of a message*; a release, for example shop@1.*";
    CLI::App *filter = group("filter", "what is counted as filtered, and not stored");
    to = command(filter, "list", "list the filters of a project", list_filters);
    add_project(to);
    add_json(to);
    add_rule(command(filter, "add", "filter a kind of clients or events", add_filter), kinds,
             filters);
    add_rule(command(filter, "remove", "stop filtering it", remove_filter), kinds, filters);

    const std::string origins = "[scheme://]host[:port], for example https://*.example.com";
    CLI::App *origin = group("origin", "pages that may report");
    to = command(origin, "list", "list the allowed origins of a project", list_origins);
    add_project(to);
    add_json(to);
    add_rule(command(origin, "add", "allow one; the first shuts out all others", add_origin), {},
             origins);
    add_rule(command(origin, "remove", "forbid one; without any all are allowed", remove_origin),
             {}, origins);
}

/* A command about one issue of a project. */
CLI::App *CommandLine::add_issue(CLI::App *group, const std::string &name,
                                 const std::string &about, const Action &action)
{
    CLI::App *to = command(group, name, about, action);
    add_project(to);
    to->add_option("issue", options_.issue, "number or short id of the issue")->required()->check(not_empty);
    return to;
}

void CommandLine::add_issues()
{
    auto positive = CLI::Range(std::int64_t{1}, std::numeric_limits<std::int64_t>::max());
    CLI::App *issue = group("issue", "issues: what they are and what becomes of them");
    CLI::App *to = command(issue, "list", "list the issues of a project, the last seen first",
                           list_issues);
    add_project(to);
    to->add_option("--status", options_.status, "unresolved, resolved or ignored (default: all)")
        ->check(CLI::IsMember({"unresolved", "resolved", "ignored"}));
    to->add_option("--most", options_.most, "so many at most")
        ->check(positive)
        ->capture_default_str();
    add_json(to);
    add_json(add_issue(issue, "show", "show an issue", show_issue));
    add_json(add_issue(issue, "history", "show what happened to it", show_issue_history));
    add_json(add_issue(issue, "hashes", "list what is grouped under it", list_issue_hashes));
    add_json(add_issue(issue, "similar", "list issues that may be the same error, to be merged",
                       list_similar_issues));

    std::vector<CLI::App *> changes;
    changes.push_back(to = add_issue(issue, "resolve", "a later event reopens it", resolve_issue));
    CLI::Option *release = to->add_option("--in-release", options_.in_release,
                                          "only an event of a newer release reopens it")
                              ->check(not_empty);
    to->add_flag("--next-release", options_.next_release,
                 "the same with the newest release that there is")
        ->excludes(release);
    changes.push_back(to = add_issue(issue, "ignore", "events are counted, and nobody is told",
                                     ignore_issue));
    to->add_option("--until", options_.until, "until a time, for example 2030-01-31T09:00Z")
        ->check(not_empty);
    to->add_option("--events", options_.events, "until so many more events")->check(positive);
    to->add_option("--users", options_.users, "until so many more users")->check(positive);
    changes.push_back(add_issue(issue, "reopen", "make it unresolved", reopen_issue));
    changes.push_back(to = add_issue(issue, "merge", "make one issue of several", merge_issues));
    to->add_option("others", options_.others, "issues that become part of it")->required()->check(not_empty);
    changes.push_back(add_issue(issue, "unmerge", "take it out of the issue that it was merged into",
                                unmerge_issue));
    changes.push_back(to = add_issue(issue, "split", "give one of its hashes an issue of its own",
                                     split_issue));
    to->add_option("hash", options_.value, "one that \"issue hashes\" lists")
        ->required()
        ->check([](const std::string &text) {
            bool hex = text.size() == 32 && text.find_first_not_of("0123456789abcdef") == text.npos;
            return hex ? std::string() : "a hash has 32 hex digits";
        });
    for (CLI::App *change : changes) {
        change->add_option("--by", options_.who, "who did it, for the history (default: the login)");
    }

    CLI::App *limit = group("limit", "what a project may make");
    to = command(limit, "list", "list the limits of a project", list_limits);
    add_project(to);
    add_json(to);
    to = command(limit, "set", "set one", set_limit);
    add_project(to);
    to->add_option("name", options_.name, "one that \"limit list\" lists")->required();
    to->add_option("value", options_.value, "a number, none or default")->required();
}

void CommandLine::add_privacy()
{
    CLI::App *scrub = group("scrub", "what is scrubbed out of events before they are stored");
    CLI::App *to = command(scrub, "list", "list what a project scrubs", list_scrubbing);
    add_project(to);
    add_json(to);

    to = command(scrub, "set", "switch scrubbing on or off", set_scrubbing);
    add_project(to);
    to->add_option("what", options_.kind, "secrets (on unless set) or addresses (off unless set)")
        ->required()
        ->check(CLI::IsMember(std::vector<std::string>{"secrets", "addresses"}));
    to->add_option("value", options_.value, "on or off")
        ->required()
        ->check(CLI::IsMember(std::vector<std::string>{"on", "off"}));

    const std::vector<std::string> kinds = {"key", "exempt"};
    const std::string names = "a name; case and separators do not matter";
    add_rule(command(scrub, "add", "a further secret key, or one that is exempt", add_scrubbing),
             kinds, names);
    add_rule(command(scrub, "remove", "take it away", remove_scrubbing), kinds, names);

    to = command(&app_, "erase", "remove what names one person", erase_person);
    CLI::Option *one = to->add_option("project", options_.project, "id, organization/slug, or a slug that is unique");
    to->add_flag("--all-projects", options_.all, "wherever it is")->excludes(one);
    to->add_option("--user-id", options_.user_id, "user.id of events")->check(not_empty);
    to->add_option("--email", options_.email, "e-mail address")->check(not_empty);
    to->add_option("--address", options_.address, "IP address")->check(not_empty);
    to->add_option("--username", options_.username, "user.username of events")->check(not_empty);
    to->add_flag("--dry-run", options_.dry_run, "only count what would go");
    to->add_option("--wait", options_.wait_seconds, "seconds for a queue that does not move")
        ->capture_default_str()
        ->check(CLI::Range(0, 86'400));
    add_redis(to);
    add_json(to);
}

void CommandLine::add_grouping()
{
    CLI::App *to = command(&app_, "group",
                           "tell how events are grouped, and why; nothing is stored", show_grouping);
    to->add_option("file", options_.files, "event as JSON, - for standard input; or two to compare")
        ->expected(0, 2);
    CLI::Option *project = to->add_option("--project", options_.project,
                                          "use the rules of this project");
    to->add_option("--event", options_.event_id, "id of a stored event of the project")
        ->needs(project);
    to->add_option("--algorithm", options_.algorithm,
                   "try a version of grouping (default: that of the project, or the newest)");
    to->add_option("--fingerprint-rule", options_.fingerprint_rule, "try a rule before all others");
    to->add_option("--stack-rule", options_.stack_rule, "try a rule after all others");
    add_json(to);

    auto add_kind = [this](CLI::App *of) {
        add_project(of);
        of->add_option("kind", options_.kind, "fingerprint or stack")
            ->required()
            ->check(CLI::IsMember({"fingerprint", "stack"}));
    };
    const CLI::Range places(1, 500);
    CLI::App *rule = group("rule", "rules for the grouping of a project");
    to = command(rule, "list", "list the rules of a project", list_rules);
    add_project(to);
    add_json(to);
    to = command(rule, "add", "add a rule, for example 'type:Timeout* -> timeout'", errtrack::add_rule);
    add_kind(to);
    to->add_option("rule", options_.value, "the rule as one word")->required();
    to->add_option("--at", options_.place, "place in the order (default, and beyond the end: the last)")->check(places);
    to = command(rule, "remove", "take a rule away", remove_rule);
    add_kind(to);
    to->add_option("place", options_.place, "its place, as rule list shows it")->required()->check(places);
}

}
