/*
 * All of a project as it is at one moment, in one transaction that only reads. What is held
 * in memory is some rows of a cursor.
 */

#include "worker/admin_export.hpp"

#include "worker/admin_database.hpp"
#include "worker/admin_lines.hpp"
#include "worker/admin_progress.hpp"

#include <algorithm>
#include <iostream>
#include <string>
#include <string_view>

namespace errtrack {
namespace {

/* Bodies are large. */
constexpr std::string_view few_rows = "40";
constexpr std::string_view many_rows = "1000";

class LineWriter {
public:
    void write(std::string_view kind, std::string_view row)
    {
        std::string rest(kind_begin);
        rest.append(kind).append(row_begin).append(row).append("}");
        // A body has the blanks that it came with, and within texts there is no break.
        std::replace_if(rest.begin(), rest.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
        std::cout << line_begin << sums_.next(rest) << rest << '\n';
        if (!std::cout) {
            throw Failure(Exit::refused, "cannot write the output");
        }
    }

private:
    LineSums sums_;
};

}

void export_project(const Options &options)
{
    Database database(options.database);
    database.run("set transaction isolation level repeatable read, read only");
    const char *payloads = options.without_payloads ? "false" : "true";
    pqxx::result head = database.run("select project, head from errtrack_private.export_head($1, $2)",
                                     options.project, payloads);
    std::string project = head[0][0].c_str();
    pqxx::result kinds = database.run(
        "select k.kind, ($1::jsonb -> 'counts' ->> k.kind)::bigint, errtrack_private.export_query(k.kind, $2, $3)"
        " from errtrack_private.transfer_kinds() as k order by k.place",
        head[0][1].c_str(), project, payloads);
    std::size_t total = 0;
    for (const auto &kind : kinds) {
        total += kind[1].as<std::size_t>();
    }

    LineWriter lines;
    lines.write("header", head[0][1].c_str());
    KindCounts counts;
    std::size_t done = 0;
    Progress progress(total);
    for (const auto &kind : kinds) {
        std::string name = kind[0].c_str();
        counts.emplace_back(name, 0);
        database.run("declare lines no scroll cursor for " + std::string(kind[2].c_str()));
        std::string fetch = "fetch " + std::string(name == "payloads" ? few_rows : many_rows) + " from lines";
        for (pqxx::result rows = database.run(fetch); !rows.empty(); rows = database.run(fetch)) {
            for (const auto &row : rows) {
                lines.write(name, std::string_view(row[0].c_str(), row[0].size()));
            }
            counts.back().second += static_cast<std::int64_t>(rows.size());
            done += rows.size();
            progress.show(done, name);
        }
        database.run("close lines");
    }
    lines.write("trailer", trailer_row(counts));
}

}
