/*
 * One look at everything, as far as it can be reached. What the database knows of itself is
 * looked at in SQL (sql/api/014_doctor.sql), one subject at a time, none for long: what takes
 * too much time is a finding, and so is what is away.
 */

#include "worker/admin_doctor.hpp"

#include "sql/version.hpp"
#include "worker/admin_database.hpp"
#include "worker/admin_doctor_findings.hpp"
#include "worker/admin_output.hpp"
#include "worker/json.hpp"

#include <sys/statvfs.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <string>

namespace errtrack {
namespace {

const std::string patience = "5s";
const std::string lock_patience = "1s";

const std::string tables_query =
    "select t.name as table, t.bytes, t.partitions, t.row_estimate, t.dead_rows,"
    " date_trunc('second', t.vacuumed_at) as vacuumed_at, date_trunc('second', t.analyzed_at) as analyzed_at, t.oldest"
    " from errtrack_private.doctor_tables() as t";
const std::string projects_query =
    "select p.project, p.estimated_bytes from errtrack_private.doctor_projects('3 s') as p";

class DatabaseDoctor {
public:
    DatabaseDoctor(Findings &findings, Database &database) : findings_(findings), database_(database) {}

    /* False: this is not the schema that the rest asks about. */
    bool run()
    {
        compare_clocks(findings_, "PostgreSQL", [&] {
            return database_.run("select extract(epoch from clock_timestamp())")[0][0].as<double>();
        });
        disk();
        if (!schema()) {
            return false;
        }
        pqxx::result checks = database_.run("select c.subject, c.name from errtrack_private.doctor_checks() as c order by c.place");
        for (const auto &check : checks) {
            std::string subject = check[0].c_str();
            attempt(subject, [&] {
                pqxx::result found = database_.run("select f.level, f.what, f.advice from errtrack_private."
                                                   + std::string(check[1].c_str()) + "() as f");
                for (const auto &row : found) {
                    findings_.push_back({row[0].c_str(), subject, row[1].c_str(), row[2].c_str()});
                }
                if (found.empty()) {
                    findings_.push_back({"ok", subject, "nothing is wrong", ""});
                }
            });
        }
        return true;
    }

    /* Does something within its time; what is wrong with it is a finding. */
    template <class Body>
    void attempt(const std::string &subject, Body body)
    {
        try {
            database_.begin();
            database_.run("select set_config('statement_timeout', $1, true), set_config('lock_timeout', $2, true)",
                          patience, lock_patience);
            body();
        } catch (const Failure &failure) {
            if (failure.code() == Exit::unreachable) {
                throw;
            }
            findings_.push_back({"warning", subject, std::string("it could not be looked at: ") + failure.what(),
                                 "run this again when the database is less busy, and as one who may"});
        }
    }

private:
    bool schema()
    {
        int newest = 0;
        try {
            newest = database_.run("select coalesce(max(m.version), 0) from errtrack_private.migrations as m")[0][0].as<int>();
        } catch (const Failure &failure) {
            if (failure.code() == Exit::unreachable) {
                throw;
            }
            findings_.push_back({"failing", "schema", failure.what(), "or name the right database with --database"});
            return false;
        }
        const std::string both = "the database has migration " + std::to_string(newest) + ", this program knows "
                                 + std::to_string(schema_newest);
        if (newest < schema_newest) {
            findings_.push_back({"failing", "schema", both, "run errtrack migrate"});
        } else if (newest > schema_newest) {
            findings_.push_back({"failing", "schema", both, "install the release that has migrated it"});
        } else {
            findings_.push_back({"ok", "schema", "the database has migration " + std::to_string(newest), ""});
        }
        return newest >= schema_newest;
    }

    /* Only where the server is on this host, and tells where its files are. */
    void disk()
    {
        pqxx::result where = database_.run(
            "select s.setting from pg_settings as s where s.name = 'data_directory'"
            " and (inet_server_addr() is null or inet_server_addr() << '127.0.0.0/8' or inet_server_addr() = '::1')");
        struct statvfs room;
        if (where.empty() || statvfs(where[0][0].c_str(), &room) != 0 || room.f_blocks == 0) {
            return;
        }
        auto percent = static_cast<int>(room.f_bavail * 100 / room.f_blocks);
        bool low = percent < 10;
        findings_.push_back({percent < 5 ? "failing" : low ? "warning" : "ok", "disk",
                             std::to_string(percent) + " % of the disk of the database is free",
                             low ? "make room, or keep events for less time: errtrack-worker --retention" : ""});
    }

    Findings &findings_;
    Database &database_;
};

std::string json_of(const Findings &findings)
{
    std::string text = "[";
    for (const Finding &finding : findings) {
        text += text.size() > 1 ? ",{" : "{";
        for (auto [name, value] : {std::pair{"level", &finding.level}, std::pair{"subject", &finding.subject},
                                   std::pair{"what", &finding.what}, std::pair{"advice", &finding.advice}}) {
            text += text.back() == '{' ? "\"" : ",\"";
            text.append(name).append("\":");
            append_json_string(text, *value);
        }
        text += "}";
    }
    return text + "]";
}

void print_findings(const Findings &findings)
{
    for (const Finding &finding : findings) {
        std::string line = finding.level;
        line.resize(9, ' ');
        line += finding.subject;
        line.resize(std::max<std::size_t>(line.size() + 1, 23), ' ');
        std::cout << line << finding.what << (finding.advice.empty() ? "" : "; ") << finding.advice << '\n';
    }
}

/* Tables of the database, by one query each. */
struct Sizes {
    std::optional<pqxx::result> tables;
    std::optional<pqxx::result> projects;
};

Sizes sizes_of(DatabaseDoctor &doctor, Database &database, bool json)
{
    // People are shown the largest ones.
    const std::string tables = tables_query + (json ? "" : " limit 15");
    auto list = [&](const std::string &query) {
        return database.run(json ? "select coalesce(json_agg(list), '[]') from (" + query + ") as list" : query);
    };
    Sizes sizes;
    doctor.attempt("sizes", [&] { sizes.tables = list(tables); });
    doctor.attempt("sizes", [&] { sizes.projects = list(projects_query); });
    return sizes;
}

std::string json_of(const std::optional<pqxx::result> &list)
{
    return list ? (*list)[0][0].c_str() : "null";
}

[[noreturn]] void complain(long long failing, long long warnings)
{
    throw Failure(failing > 0 ? Exit::failing : Exit::warning,
                  std::to_string(failing) + " failing, " + std::to_string(warnings)
                      + (warnings == 1 ? " warning" : " warnings"));
}

}

void show_doctor(const Options &options)
{
    Findings findings;
    Sizes sizes;
    try {
        Database database(options.database);
        DatabaseDoctor doctor(findings, database);
        if (doctor.run()) {
            sizes = sizes_of(doctor, database, options.json);
        }
    } catch (const Failure &failure) {
        findings.push_back({"failing", "database", failure.what(), "see that it runs, and who may log in"});
    }
    look_at_redis(findings, options);
    look_at_spool(findings, options.spool);

    if (options.json) {
        std::cout << "{\"findings\":" << json_of(findings) << ",\"tables\":" << json_of(sizes.tables)
                  << ",\"projects\":" << json_of(sizes.projects) << "}\n";
    } else {
        print_findings(findings);
        for (const auto &list : {sizes.tables, sizes.projects}) {
            if (list) {
                std::cout << '\n';
                print_table(std::cout, *list);
            }
        }
    }
    auto count = [&](const char *level) {
        return std::count_if(findings.begin(), findings.end(), [&](const Finding &f) { return f.level == level; });
    };
    if (count("failing") + count("warning") > 0) {
        complain(count("failing"), count("warning"));
    }
}

}
