#include "worker/admin_command_line.hpp"

#include "worker/admin_notify.hpp"

#include <string>
#include <vector>

namespace errtrack {
namespace {

const CLI::IsMember on_or_off({"on", "off"});

const CLI::Validator tag(
    [](const std::string &text) {
        std::size_t equals = text.find('=');
        bool good = equals != text.npos && equals > 0 && equals + 1 < text.size();
        return good ? std::string() : text + " is not like customer=a*";
    },
    "NAME=PATTERN");

const CLI::Validator hours(
    [](const std::string &text) {
        return text.find('-') != text.npos ? std::string() : text + " is not like 22:00-06:00";
    },
    "FROM-UNTIL");

const CLI::Validator delivery_id(
    [](const std::string &text) {
        bool good = text.size() == 36 && text.find_first_not_of("0123456789abcdef-") == text.npos;
        return good ? std::string() : text + " is no id of a message: see errtrack notify list";
    },
    "ID");

}

/* A secret comes out of a file of whoever calls, or the worker has it in one. */
void CommandLine::add_secret(CLI::App *to, const std::string &member, std::string &file, std::string &ref)
{
    CLI::Option *own = to->add_option("--" + member + "-file", file, "file with the " + member + " on its first line, to be sealed")
                           ->check(not_empty);
    to->add_option("--" + member + "-ref", ref, "or the name of a file in the worker's --secrets-dir")
        ->check(not_empty)
        ->excludes(own);
}

void CommandLine::add_channel_options(CLI::App *to)
{
    NotifyOptions &given = options_.notify;
    add_secret(to, "url", given.url_file, given.url_ref);
    add_secret(to, "secret", given.secret_file, given.secret_ref);
    add_secrets_key(to);
    to->add_option("--to", given.recipients, "mail: an address; may be repeated")->delimiter(',')->check(not_empty);
    to->add_option("--header", given.headers, "webhook: 'Name: value'; may be repeated")->check(not_empty);
    to->add_option("--cap", given.hourly_cap, "messages in an hour; what is beyond becomes one line (60)")
        ->check(CLI::Range(1, 10'000));
    to->add_option("--enabled", given.enabled, "on or off")->check(on_or_off);
}

void CommandLine::add_channels()
{
    CLI::App *channel = group("channel", "where people are told");
    CLI::App *to = command(channel, "list", "list the channels of a project", list_channels);
    add_project(to);
    add_json(to);

    const std::vector<std::string> kinds = {"webhook", "slack", "mattermost", "discord", "teams",
                                            "google_chat", "pagerduty", "gitlab_alert", "mail"};
    to = command(channel, "add", "make a channel", errtrack::add_channel);
    add_project(to);
    to->add_option("kind", options_.kind, joined(kinds))->required()->check(CLI::IsMember(kinds));
    to->add_option("name", options_.name, "name for people")->required()->check(not_empty);
    add_channel_options(to);

    auto add_one = [&](const std::string &name, const std::string &about, const Action &action) {
        CLI::App *made = command(channel, name, about, action);
        add_project(made);
        made->add_option("channel", options_.notify.channel, "name or id of the channel")->required()->check(not_empty);
        return made;
    };
    to = add_one("change", "change what is named of a channel", change_channel);
    to->add_option("--name", options_.name, "another name")->check(not_empty);
    add_channel_options(to);
    add_one("delete", "remove a channel, with its messages", delete_channel);
    add_one("resume", "try at once what waits for a channel", resume_channel);
}

void CommandLine::add_rule_options(CLI::App *to)
{
    NotifyOptions &given = options_.notify;
    to->add_option("--events", options_.events, "frequency: so many of an issue; spike: at least so many in an hour")
        ->check(CLI::Range(1, 1'000'000'000));
    to->add_option("--users", options_.users, "frequency: so many of an issue")->check(CLI::Range(1, 100'000));
    to->add_option("--minutes", given.minutes, "frequency: within this time; behind: so late")->check(CLI::Range(5, 1440));
    to->add_option("--repeat", given.repeat_minutes, "minutes before it is said again (1440)")->check(CLI::Range(5, 43'200));
    const std::vector<std::string> levels = {"fatal", "error", "warning", "info", "debug"};
    to->add_option("--level", given.levels, joined(levels) + "; may be repeated, as the next ones")
        ->delimiter(',')
        ->check(CLI::IsMember(levels));
    to->add_option("--environment", given.environments, "only in this one; * stands for anything")->check(not_empty);
    to->add_option("--release", given.releases, "only in this one; * stands for anything")->check(not_empty);
    to->add_option("--tag", given.tags, "only with this tag: customer=a*")->check(tag);
    to->add_option("--channel", given.channels, "only there: name or id (default: all)")->check(not_empty);
    to->add_option("--mute", given.mute, "tell nobody at this time of the day, but in one line after it: 22:00-06:00")->check(hours);
    to->add_option("--days", given.days, "only on these days: 1 Monday to 7 Sunday")
        ->delimiter(',')
        ->check(CLI::Range(1, 7));
    to->add_option("--timezone", given.timezone, "of these times, for example Europe/Berlin (UTC)")->check(not_empty);
    to->add_option("--enabled", given.enabled, "on or off")->check(on_or_off);
}

void CommandLine::add_alerts()
{
    NotifyOptions &given = options_.notify;
    CLI::App *alert = group("alert", "of what people are told");
    CLI::App *to = command(alert, "list", "list the rules of a project; without an id: those that hold without any", list_alerts);
    add_project(to);
    add_json(to);

    const std::vector<std::string> kinds = {"new_issue", "regression", "unignored", "frequency", "spike", "quota_reached", "behind"};
    to = command(alert, "add", "make a rule; the first one ends those that hold without any", add_alert);
    add_project(to);
    to->add_option("kind", options_.kind, joined(kinds))->required()->check(CLI::IsMember(kinds));
    to->add_option("--name", options_.name, "name for people (default: the kind)")->check(not_empty);
    add_rule_options(to);

    to = command(alert, "change", "change what is named of a rule", change_alert);
    add_project(to);
    to->add_option("rule", given.rule, "name or id of the rule")->required()->check(not_empty);
    to->add_option("--name", options_.name, "another name")->check(not_empty);
    add_rule_options(to);
    const std::vector<std::string> clearable = {"events", "users", "level", "environment", "release", "tag", "channel", "mute", "days"};
    to->add_option("--clear", given.cleared, "take away again: " + joined(clearable) + "; may be repeated")
        ->delimiter(',')
        ->check(CLI::IsMember(clearable));

    to = command(alert, "delete", "remove a rule", delete_alert);
    add_project(to);
    to->add_option("rule", given.rule, "name or id of the rule")->required()->check(not_empty);
}

void CommandLine::add_trackers()
{
    NotifyOptions &given = options_.notify;
    const std::vector<std::string> providers = {"gitlab", "github", "other"};
    CLI::App *tracker = group("tracker", "where issues are made of issues");
    CLI::App *to = command(tracker, "list", "list the trackers of a project", list_trackers);
    add_project(to);
    add_json(to);

    auto add_one = [&](const std::string &name, const std::string &about, const Action &action) {
        CLI::App *made = command(tracker, name, about, action);
        add_project(made);
        made->add_option("provider", options_.kind, joined(providers))->required()->check(CLI::IsMember(providers));
        return made;
    };
    to = add_one("set", "make a tracker, or change what is named of it", errtrack::set_tracker);
    to->add_option("--url", given.tracker_url, "of the project there: https://gitlab.example.com/acme/shop")->check(not_empty);
    add_id(to, "--external-id", "GitLab: the id of the project");
    add_secret(to, "token", given.token_file, given.token_ref);
    add_secret(to, "secret", given.secret_file, given.secret_ref);
    add_secrets_key(to);
    to->add_option("--label", given.labels, "of issues that are made; may be repeated")->delimiter(',')->check(not_empty);
    to->add_option("--confidential", given.confidential, "GitLab: make them so, on or off (off)")->check(on_or_off);
    to->add_option("--creates", given.creates, "make one of each new issue, on or off (off)")->check(on_or_off);
    to->add_option("--closes", given.closes, "close it with the issue, on or off (on)")->check(on_or_off);
    to->add_option("--reopens", given.reopens, "open it again with the issue, on or off (on)")->check(on_or_off);
    to->add_option("--api", given.api, "address of its API, if it is not where one looks for it")->check(not_empty);
    to->add_option("--enabled", given.enabled, "on or off")->check(on_or_off);
    add_one("delete", "remove a tracker; links to its issues stay", errtrack::delete_tracker);
    add_one("resume", "try at once what waits for a tracker", resume_tracker);
    to = add_one("test", "ask whether it would take issues, and tell what is wrong if not; none is made", errtrack::test_tracker);
    to->add_option("--wait", options_.wait_seconds, "seconds to wait for it")->capture_default_str()->check(CLI::Range(0, 3600));
    add_json(to);
}

void CommandLine::add_notifications()
{
    NotifyOptions &given = options_.notify;
    CLI::App *notify = group("notify", "messages to channels");
    CLI::App *to = command(notify, "test", "send a message to try it, and tell what became of it", test_notifications);
    add_project(to);
    to->add_option("channel", given.channel, "name or id of a channel (default: all)")->check(not_empty);
    to->add_option("--wait", options_.wait_seconds, "seconds to wait for it")->capture_default_str()->check(CLI::Range(0, 3600));
    add_json(to);

    to = command(notify, "list", "list the messages of a project, the newest first", list_notifications);
    add_project(to);
    to->add_option("--channel", given.channel, "only to this one: name or id")->check(not_empty);
    to->add_option("--state", options_.status, "waiting, sent or failed (default: all)")
        ->check(CLI::IsMember({"waiting", "sent", "failed"}));
    to->add_option("--most", options_.most, "so many at most")->capture_default_str()->check(CLI::Range(1, 1'000'000));
    add_json(to);

    to = command(notify, "retry", "send again what failed", retry_notifications);
    add_project(to);
    to->add_option("message", options_.value, "its id, as notify list shows it (default: all of the last 7 days)")->check(delivery_id);
}

}
