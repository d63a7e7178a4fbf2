/*
 * What is set is handed to SQL as the body that HTTP has for it, which is judged there.
 * Secrets are sealed here: the database and the log of its statements get none, but the
 * address of a channel, whose host is judged and kept.
 */

#include "worker/admin_notify.hpp"

#include "worker/admin_database.hpp"
#include "worker/admin_output.hpp"
#include "worker/admin_seal.hpp"
#include "worker/json.hpp"
#include "worker/seal.hpp"
#include "worker/secret_file.hpp"

#include <algorithm>
#include <chrono>
#include <iostream>
#include <map>
#include <string>
#include <string_view>
#include <thread>

namespace errtrack {
namespace {

/* An object of JSON, member by member. What was not given is left out. */
class Body {
public:
    void text(std::string_view name, std::string_view value)
    {
        if (!value.empty()) {
            append_json_string(member(name), value);
        }
    }

    void number(std::string_view name, std::int64_t value)
    {
        if (value != 0) {
            member(name) += std::to_string(value);
        }
    }

    /* on or off */
    void flag(std::string_view name, std::string_view value)
    {
        if (!value.empty()) {
            member(name) += value == "on" ? "true" : "false";
        }
    }

    void texts(std::string_view name, const std::vector<std::string> &values)
    {
        if (!values.empty()) {
            member(name) += array(values);
        }
    }

    /* Which is JSON. */
    void object(std::string_view name, const Body &value)
    {
        if (!value.empty()) {
            member(name) += value.json();
        }
    }

    void null(std::string_view name) { member(name) += "null"; }

    bool empty() const { return members_.empty(); }

    std::string json() const { return "{" + members_ + "}"; }

    static std::string array(const std::vector<std::string> &values)
    {
        std::string text = "[";
        for (const std::string &value : values) {
            text += text.size() > 1 ? "," : "";
            append_json_string(text, value);
        }
        return text + "]";
    }

private:
    std::string &member(std::string_view name)
    {
        members_ += members_.empty() ? "" : ",";
        append_json_string(members_, name);
        return members_ += ":";
    }

    std::string members_;
};

/* Takes a secret into a body, and sealed into another. Of an address the body has all. */
void take_secret(const Options &options, const std::string &owner, const std::string &member, const std::string &file,
                 const std::string &ref, Body &body, Body &sealed)
{
    body.text(member + "File", ref);
    if (file.empty()) {
        return;
    }
    sealed.text(member, read_sealed(options, file, seal_context(owner, member)));
    body.text(member, member == "url" ? read_secret(file) : "(sealed)");
}

/* What channels are set to, but name and kind. */
void take_channel(const Options &options, Body &body, Body &sealed)
{
    const NotifyOptions &given = options.notify;
    take_secret(options, "channel", "url", given.url_file, given.url_ref, body, sealed);
    take_secret(options, "channel", "secret", given.secret_file, given.secret_ref, body, sealed);
    body.flag("enabled", given.enabled);
    body.number("hourlyCap", given.hourly_cap);
    Body settings;
    settings.texts("to", given.recipients);
    settings.texts("headers", given.headers);
    body.object("settings", settings);
}

/* A refusal with the option of the command for each member of a body that it names. */
std::string in_options(const std::string &message, std::string_view url_option)
{
    const std::map<std::string_view, std::string_view> options = {
        {"url", url_option}, {"urlFile", "--url-ref"}, {"secret", "--secret-file"}, {"secretFile", "--secret-ref"},
        {"token", "--token-file"}, {"tokenFile", "--token-ref"}, {"hourlyCap", "--cap"}, {"enabled", "--enabled"},
        {"settings.to", "--to"}, {"settings.headers", "--header"}, {"settings.labels", "--label"}, {"settings.api", "--api"},
        {"labels", "--label"}, {"confidential", "--confidential"}, {"creates", "--creates"}, {"closes", "--closes"},
        {"reopens", "--reopens"}, {"api", "--api"}, {"externalId", "--external-id"}, {"events", "--events"}, {"users", "--users"},
        {"minutes", "--minutes"}, {"repeatMinutes", "--repeat"}, {"levels", "--level"}, {"environments", "--environment"},
        {"releases", "--release"}, {"tags", "--tag"}, {"mutedFrom", "--mute"}, {"mutedUntil", "--mute"}, {"mutedDays", "--days"},
        {"timezone", "--timezone"}};
    std::string text;
    for (std::size_t at = 0; at < message.size();) {
        std::size_t end = std::min(message.find(' ', at), message.size());
        std::string_view word = std::string_view(message).substr(at, end - at);
        std::size_t last = word.find_last_not_of(":;,");
        std::size_t length = last == word.npos ? 0 : last + 1;
        auto option = options.find(word.substr(0, length));
        text += option == options.end() ? word.substr(0, length) : option->second;
        text += word.substr(length);
        text += end < message.size() ? " " : "";
        at = end + 1;
    }
    // Two members are one option.
    const std::string_view twice = "--mute and --mute";
    if (std::size_t at = text.find(twice); at != text.npos) {
        text.replace(at, twice.size(), "--mute");
    }
    return text;
}

/* A statement that judges a body: who called named options, not members. */
template <class... Values>
pqxx::result run_body(Database &database, std::string_view url_option, const std::string &statement, const Values &...values)
try {
    return database.run(statement, values...);
} catch (const Failure &failure) {
    throw Failure(failure.code(), in_options(failure.what(), url_option));
}

Body tags_of(const std::vector<std::string> &given)
{
    std::map<std::string, std::vector<std::string>> tags;
    for (const std::string &tag : given) {
        std::size_t equals = tag.find('=');
        tags[tag.substr(0, equals)].push_back(tag.substr(equals + 1));
    }
    Body body;
    for (const auto &[name, patterns] : tags) {
        body.texts(name, patterns);
    }
    return body;
}

/* What rules are set to, but the kind. */
void take_rule(const Options &options, Body &body)
{
    const NotifyOptions &given = options.notify;
    body.text("name", options.name);
    body.flag("enabled", given.enabled);
    body.number("events", options.events);
    body.number("users", options.users);
    body.number("minutes", given.minutes);
    body.number("repeatMinutes", given.repeat_minutes);
    body.texts("levels", given.levels);
    body.texts("environments", given.environments);
    body.texts("releases", given.releases);
    body.object("tags", tags_of(given.tags));
    body.texts("channels", given.channels);
    if (!given.mute.empty()) {
        body.text("mutedFrom", given.mute.substr(0, given.mute.find('-')));
        body.text("mutedUntil", given.mute.substr(given.mute.find('-') + 1));
    }
    std::vector<std::string> days;
    for (int day : given.days) {
        days.push_back(std::to_string(day));
    }
    body.texts("mutedDays", days);
    body.text("timezone", given.timezone);
    const std::map<std::string_view, std::vector<std::string_view>> members = {
        {"events", {"events"}}, {"users", {"users"}}, {"level", {"levels"}}, {"environment", {"environments"}},
        {"release", {"releases"}}, {"tag", {"tags"}}, {"channel", {"channels"}},
        {"mute", {"mutedFrom", "mutedUntil", "mutedDays"}}, {"days", {"mutedDays"}}};
    for (const std::string &option : given.cleared) {
        for (std::string_view member : members.at(option)) {
            body.null(member);
        }
    }
}

/* Waits for what becomes of messages, queued[0]: project and their ids, and shows it. */
void await(const Options &options, Database &database, const pqxx::result &queued, const char *failed)
{
    const std::string project = queued[0][0].c_str();
    const std::string ids = queued[0][1].c_str();
    database.commit();
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(options.wait_seconds);
    for (;;) {
        database.begin();
        pqxx::result left = database.run(
            "select count(*) filter (where not n.over), count(*) filter (where n.state <> 'sent')"
            " from errtrack_private.notification_progress($1, $2::bigint[]) as n", project, ids);
        bool over = left[0][0].as<int>() == 0;
        if (!over && std::chrono::steady_clock::now() < deadline) {
            database.commit();
            std::this_thread::sleep_for(std::chrono::milliseconds(200));
            continue;
        }
        show_list(std::cout, database, options.json,
                  "select n.channel, n.state, n.attempts, n.answer"
                  " from errtrack_private.notification_progress($1, $2::bigint[]) as n", project, ids);
        int missing = left[0][1].as<int>();
        if (missing > 0) {
            std::cout << std::flush;
            throw Failure(Exit::alarm, std::to_string(missing) + failed
                                           + (over ? "" : " yet; without any attempt see that errtrack-worker runs"));
        }
        return;
    }
}

}

void list_channels(const Options &options)
{
    Database database(options.database);
    const std::string untold = options.json ? "show_untold" : "untold_words";
    show_list(std::cout, database, options.json,
              "select c.id, c.name, c.kind, c.place, c.state, c.hourly_cap, c.waiting,"
              " errtrack_private." + untold + "(p.id, c.id) as untold, c.delivered_at, c.last_error"
              " from errtrack_private.find_project($1) as p (id) cross join lateral errtrack_private.channel_list(p.id) as c",
              options.project);
}

void add_channel(const Options &options)
{
    Body body;
    Body sealed;
    body.text("kind", options.kind);
    body.text("name", options.name);
    take_channel(options, body, sealed);
    Database database(options.database);
    pqxx::result made = run_body(database, "--url-file",
                                 "select errtrack_private.add_channel(errtrack_private.find_project($1), $2::jsonb, $3::jsonb)",
                                 options.project, body.json(), sealed.json());
    database.commit();
    std::cout << "channel " << made[0][0].c_str() << " of " << options.project << " is " << options.name << '\n';
    remark("Try it: errtrack notify test " + options.project + " " + made[0][0].c_str());
}

void change_channel(const Options &options)
{
    Body body;
    Body sealed;
    body.text("name", options.name);
    take_channel(options, body, sealed);
    if (body.empty()) {
        throw Failure(Exit::refused, "name what is to change: --name, --url-file, --url-ref, --secret-file, --secret-ref, --to, "
                                     "--header, --cap or --enabled");
    }
    Database database(options.database);
    run_body(database, "--url-file",
             "select errtrack_private.change_channel(errtrack_private.find_project($1), $2, $3::jsonb, $4::jsonb)",
             options.project, options.notify.channel, body.json(), sealed.json());
    database.commit();
    std::cout << "channel " << options.notify.channel << " of " << options.project << " is changed\n";
}

void delete_channel(const Options &options)
{
    Database database(options.database);
    database.run("select errtrack_private.remove_channel(errtrack_private.find_project($1), $2)",
                 options.project, options.notify.channel);
    database.commit();
    std::cout << "channel " << options.notify.channel << " of " << options.project << " is deleted\n";
}

void resume_channel(const Options &options)
{
    Database database(options.database);
    database.run("select errtrack_private.try_channel(errtrack_private.find_project($1), $2)",
                 options.project, options.notify.channel);
    database.commit();
    std::cout << "channel " << options.notify.channel << " of " << options.project << " is tried at once\n";
}

void list_alerts(const Options &options)
{
    Database database(options.database);
    show_list(std::cout, database, options.json,
              options.json ? "select r.* from errtrack_private.alert_rule_details(errtrack_private.find_project($1)) as r"
                           : "select r.id, r.name, r.kind, r.enabled, r.condition, r.channels, r.mute"
                             " from errtrack_private.alert_rule_list(errtrack_private.find_project($1)) as r",
              options.project);
}

void add_alert(const Options &options)
{
    Body body;
    body.text("kind", options.kind);
    take_rule(options, body);
    Database database(options.database);
    pqxx::result made = run_body(database, "--url",
                                 "select errtrack_private.add_alert_rule(errtrack_private.find_project($1), $2::jsonb),"
                                 " (select count(*) from errtrack_private.alert_rules as r"
                                  "  where r.project_id = errtrack_private.find_project($1))",
                                 options.project, body.json());
    database.commit();
    // Counted as it was before this statement.
    std::cout << "rule " << made[0][0].c_str() << " of " << options.project << " is " << options.kind << '\n';
    if (made[0][1].as<int>() == 0) {
        remark("The rules that held before hold no longer: see errtrack alert list " + options.project);
    }
}

void change_alert(const Options &options)
{
    Body body;
    take_rule(options, body);
    if (body.empty()) {
        throw Failure(Exit::refused, "name what is to change: an option of errtrack alert add but the kind, or --clear");
    }
    Database database(options.database);
    run_body(database, "--url",
             "select errtrack_private.change_alert_rule(errtrack_private.find_project($1), $2, $3::jsonb)",
             options.project, options.notify.rule, body.json());
    database.commit();
    std::cout << "rule " << options.notify.rule << " of " << options.project << " is changed\n";
}

void delete_alert(const Options &options)
{
    Database database(options.database);
    database.run("select errtrack_private.remove_alert_rule(errtrack_private.find_project($1), $2)",
                 options.project, options.notify.rule);
    database.commit();
    std::cout << "rule " << options.notify.rule << " of " << options.project << " is deleted\n";
}

void list_trackers(const Options &options)
{
    Database database(options.database);
    show_list(std::cout, database, options.json,
              "select t.provider, t.url, t.external_id, t.state, t.waiting, t.delivered_at, t.last_error"
              " from errtrack_private.tracker_list(errtrack_private.find_project($1)) as t",
              options.project);
}

void set_tracker(const Options &options)
{
    const NotifyOptions &given = options.notify;
    Body body;
    Body sealed;
    body.text("url", given.tracker_url);
    body.number("externalId", options.id);
    take_secret(options, "tracker", "token", given.token_file, given.token_ref, body, sealed);
    take_secret(options, "tracker", "secret", given.secret_file, given.secret_ref, body, sealed);
    body.flag("enabled", given.enabled);
    Body settings;
    settings.texts("labels", given.labels);
    settings.flag("confidential", given.confidential);
    settings.flag("creates", given.creates);
    settings.flag("closes", given.closes);
    settings.flag("reopens", given.reopens);
    settings.text("api", given.api);
    body.object("settings", settings);
    Database database(options.database);
    run_body(database, "--url",
             "select errtrack_private.put_tracker(errtrack_private.find_project($1), $2, $3::jsonb, $4::jsonb)",
             options.project, options.kind, body.json(), sealed.json());
    database.commit();
    std::cout << options.kind << " is a tracker of " << options.project << '\n';
}

void delete_tracker(const Options &options)
{
    Database database(options.database);
    database.run("select errtrack_private.remove_tracker(errtrack_private.find_project($1), $2)", options.project, options.kind);
    database.commit();
    std::cout << options.kind << " is no tracker of " << options.project << " any more\n";
}

void resume_tracker(const Options &options)
{
    Database database(options.database);
    database.run("select errtrack_private.try_tracker(errtrack_private.find_project($1), $2)", options.project, options.kind);
    database.commit();
    std::cout << options.kind << " of " << options.project << " is tried at once\n";
}

void test_tracker(const Options &options)
{
    Database database(options.database);
    pqxx::result queued = run_body(
        database, "--url",
        "select p.id, array[errtrack_private.queue_tracker_test(p.id, $2)] from errtrack_private.find_project($1) as p (id)",
        options.project, options.kind);
    await(options, database, queued, " did not succeed");
}

void test_notifications(const Options &options)
{
    Database database(options.database);
    pqxx::result queued = run_body(
        database, "--url-file",
        "select p.id, array_agg(q.notification)"
        " from errtrack_private.find_project($1) as p(id)"
        " cross join lateral errtrack_private.queue_tests(p.id, $2) as q group by p.id",
        options.project, null_if_empty(options.notify.channel));
    await(options, database, queued, " did not arrive");
}

void list_notifications(const Options &options)
{
    Database database(options.database);
    show_list(std::cout, database, options.json,
              "select n.id, n.created_at, n.channel, n.kind, n.issue, n.state, n.attempts, n.ended_at, n.last_error"
              " from errtrack_private.notification_list(errtrack_private.find_project($1), $2, $3, $4) as n",
              options.project, null_if_empty(options.notify.channel), null_if_empty(options.status), options.most);
}

void retry_notifications(const Options &options)
{
    Database database(options.database);
    pqxx::result again = database.run("select errtrack_private.retry_notifications(errtrack_private.find_project($1), $2::uuid)",
                                      options.project, null_if_empty(options.value));
    database.commit();
    std::cout << again[0][0].c_str() << " wait again\n";
}

}
