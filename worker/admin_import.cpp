/*
 * The lines go into temporary tables by COPY, some at a time, and are checked on the way:
 * here whether they are what was written and what only the worker can read, in SQL what
 * their columns may hold (sql/api/067_import_lines.sql). What is held in memory is one line.
 * Only when the last one is there, the project is made of them, in one transaction
 * (sql/api/066_import.sql).
 */

#include "worker/admin_import.hpp"

#include "worker/admin_database.hpp"
#include "worker/admin_lines.hpp"
#include "worker/admin_output.hpp"
#include "worker/admin_progress.hpp"
#include "worker/copy.hpp"
#include "worker/grouping_rules.hpp"
#include "worker/grouping_versions.hpp"
#include "worker/json.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

namespace errtrack {
namespace {

struct Line {
    std::size_t number = 0;
    std::string_view kind;
    std::string_view row;       /* JSON */
};

[[noreturn]] void refuse(std::size_t line, const std::string &why)
{
    throw Failure(Exit::refused, "line " + std::to_string(line) + " " + why + ": nothing is imported");
}

/* A line that is as it was written, and cannot have been by a program of this release. */
[[noreturn]] void refuse(std::size_t line, std::string_view kind, const std::string &why)
{
    throw Failure(Exit::refused, "line " + std::to_string(line) + ": " + std::string(kind) + ": " + why
                                     + ": nothing is imported, export the project anew");
}

/* Lines of standard input, whole and as they were written. */
class LineReader {
public:
    /* The next line, which is good until the next call. Throws Failure. */
    Line next()
    {
        if (!read()) {
            throw Failure(Exit::refused, number_ == 0 ? "there is nothing on standard input: nothing is imported"
                          : "the file ends after line " + std::to_string(number_)
                                + ", and not with its trailer, so it was cut off: nothing is imported");
        }
        number_++;
        std::string_view text = text_;
        std::size_t sum = line_begin.size();
        std::size_t kind = sum + sum_length + kind_begin.size();
        std::size_t quote = text.find(row_begin, kind);
        std::size_t row = quote + row_begin.size();
        bool shaped = text.starts_with(line_begin) && text.substr(std::min(sum + sum_length, text.size())).starts_with(kind_begin)
                      && quote != text.npos && quote - kind <= longest_kind && text.ends_with('}') && row < text.size();
        if (!shaped) {
            refuse(number_, number_ == 1 ? "is not the beginning of an export" : "is no line of an export");
        }
        Line line{number_, text.substr(kind, quote - kind), text.substr(row, text.size() - 1 - row)};
        if (number_ == 1) {
            check_format(line);
        }
        if (sums_.next(text.substr(sum + sum_length)) != text.substr(sum, sum_length)) {
            refuse(number_, "is not what was written there, so the file was changed or damaged");
        }
        return line;
    }

    /* Nothing may follow the trailer. */
    void end()
    {
        if (read()) {
            refuse(number_ + 1, "stands behind the trailer");
        }
    }

private:
    static constexpr std::size_t longest_kind = 63;

    /* False: there is none. */
    bool read()
    {
        text_.clear();
        for (;;) {
            if (at_ == filled_) {
                filled_ = std::fread(buffer_.get(), 1, buffer_size, stdin);
                at_ = 0;
                if (filled_ == 0) {
                    if (std::ferror(stdin) != 0) {
                        throw Failure(Exit::refused, "cannot read standard input: nothing is imported");
                    }
                    return !text_.empty();
                }
            }
            const char *from = buffer_.get() + at_;
            const void *end = std::memchr(from, '\n', filled_ - at_);
            std::size_t length = end == nullptr ? filled_ - at_ : static_cast<std::size_t>(static_cast<const char *>(end) - from);
            if (text_.size() + length > longest_line) {
                refuse(number_ + 1, "has more than " + std::to_string(longest_line >> 20) + " MiB, which no line of an export has");
            }
            text_.append(from, length);
            at_ += length;
            if (end != nullptr) {
                at_++;
                return true;
            }
        }
    }

    /* Before the sum, whose rules another format may have changed. */
    static void check_format(const Line &line)
    {
        constexpr std::string_view name = "\"format\": ";
        std::size_t at = line.row.find(name);
        if (line.kind != "header" || at == line.row.npos) {
            refuse(1, "is not the beginning of an export");
        }
        std::string_view format = line.row.substr(at + name.size());
        format = format.substr(0, format.find_first_not_of("0123456789"));
        if (format != std::to_string(transfer_format)) {
            refuse(1, "says that the file has format " + std::string(format.substr(0, 9)) + ", this release reads format "
                          + std::to_string(transfer_format) + ", so install the release that wrote it, or a newer one");
        }
    }

    static constexpr std::size_t buffer_size = 256 * 1024;

    std::unique_ptr<char[]> buffer_ = std::make_unique<char[]>(buffer_size);
    std::size_t at_ = 0;
    std::size_t filled_ = 0;
    std::string text_;
    std::size_t number_ = 0;
    LineSums sums_;
};

/* What can be said of a line before PostgreSQL has it. */
class LineChecker {
public:
    void check(const Line &line)
    {
        if (!json_.parse(line.row) || !json_.root().is_object()) {
            refuse(line.number, line.kind, "the row is no JSON object, or has texts that PostgreSQL cannot hold");
        }
        if (line.kind == "grouping_rules") {
            JsonValue row = json_.root();
            std::string rule = row["rule"].text();
            std::string why = row["kind"].text() == "stack" ? rules_.add_stack_rule(rule) : rules_.add_fingerprint_rule(rule);
            if (!why.empty()) {
                refuse(line.number, line.kind, "the rule cannot be read (" + why + ")");
            }
        }
    }

private:
    Json json_;
    GroupingRules rules_;
};

std::string known_algorithms()
{
    std::string names;
    for (Algorithm each : all_algorithms) {
        names.append(names.empty() ? "" : ",").append(to_text(each));
    }
    return "{" + names + "}";
}

/* Copies lines into the tables of their kinds, which come in their order. */
class LineCopier {
public:
    LineCopier(pqxx::transaction_base &tx, const std::string &head, const KindCounts &expected)
        : tx_(tx), head_(head), algorithms_(known_algorithms()), expected_(expected), counts_(expected)
    {
        for (auto &kind : counts_) {
            kind.second = 0;
        }
    }

    void add(const Line &line)
    {
        if (line.kind != kind()) {
            auto next = std::find_if(counts_.begin() + static_cast<std::ptrdiff_t>(place_), counts_.end(),
                                     [&](const auto &each) { return each.first == line.kind; });
            if (next == counts_.end()) {
                refuse(line.number, "is of a kind that does not belong there");
            }
            end_kind();
            place_ = static_cast<std::size_t>(next - counts_.begin());
        }
        checker_.check(line);
        if (!copy_) {
            copy_.emplace(tx_, "import_lines", std::vector<std::string>{"line", "row"});
        }
        copy_->row(std::to_string(line.number).c_str(), std::string(line.row).c_str());
        counts_[place_].second++;
        lines_++;
        bytes_ += line.row.size();
        if (lines_ == most_lines || bytes_ >= most_bytes) {
            take();
        }
    }

    void end(const Line &trailer)
    {
        end_kind();
        if (trailer.row != trailer_row(counts_) || counts_ != expected_) {
            refuse(trailer.number, "tells another number of lines than there are");
        }
    }

    std::string_view kind() const { return place_ < counts_.size() ? counts_[place_].first : std::string_view(); }

private:
    /* So few that those that are not taken are soon found among them. */
    static constexpr std::size_t most_lines = 5000;
    static constexpr std::size_t most_bytes = 1024 * 1024;

    void take()
    {
        copy_->end();
        copy_.reset();
        lines_ = 0;
        bytes_ = 0;
        refuse_first(tx_.exec_params(
            "select line, problem from errtrack_private.take_import_lines($1, $2::jsonb -> 'columns' -> $1, $3::text[])",
            counts_[place_].first, head_, algorithms_));
    }

    void end_kind()
    {
        if (copy_) {
            take();
        }
        if (place_ < counts_.size() && counts_[place_].second > 0) {
            refuse_first(tx_.exec_params("select line, problem from errtrack_private.end_import_kind($1, $2::text[])",
                                         counts_[place_].first, algorithms_));
        }
    }

    void refuse_first(const pqxx::result &problems) const
    {
        if (!problems.empty()) {
            refuse(problems[0][0].as<std::size_t>(), kind(), problems[0][1].c_str());
        }
    }

    pqxx::transaction_base &tx_;
    const std::string &head_;
    const std::string algorithms_;
    const KindCounts &expected_;
    KindCounts counts_;
    std::size_t place_ = 0;
    LineChecker checker_;
    std::optional<Copy> copy_;
    std::size_t lines_ = 0;              /* that PostgreSQL has and that are not taken yet */
    std::size_t bytes_ = 0;
};

/* Copies all lines up to the trailer. */
void copy_lines(Database &database, LineReader &reader, const std::string &head, const KindCounts &expected)
{
    std::int64_t total = 0;
    for (const auto &kind : expected) {
        total += kind.second;
    }
    Progress progress(static_cast<std::size_t>(total));
    database.with_transaction([&](pqxx::transaction_base &tx) {
        LineCopier copier(tx, head, expected);
        std::size_t done = 0;
        Line line = reader.next();
        for (; line.kind != "trailer"; line = reader.next()) {
            copier.add(line);
            progress.show(++done, std::string(copier.kind()));
        }
        copier.end(line);
        reader.end();
    });
}

/* Partitions count on it that no two imports make and drop them at once. */
void wait_for_turn(Database &database)
{
    const std::string key = "(hashtextextended('errtrack.import', 0))";
    if (!database.run("select pg_try_advisory_lock" + key)[0][0].as<bool>()) {
        remark("another import is being entered: waiting for its end");
        database.run("select pg_advisory_lock" + key);
    }
}

/* Returns, as PostgreSQL writes a list, those that nobody would have made but for this. */
std::string make_partitions(Database &database)
{
    constexpr int tries = 5;
    std::string told;
    for (int n = 1;; n++) {
        database.begin();
        pqxx::result made = database.run("select made, in_the_way from errtrack_private.make_import_partitions()");
        database.commit();
        if (made[0][1].is_null()) {
            return made[0][0].c_str();
        }
        const std::string in_the_way = made[0][1].c_str();
        if (n == tries) {
            throw Failure(Exit::refused, "no partitions can be made for the days of the events, in the way is " + in_the_way
                                             + ", and try again then");
        }
        if (told.empty()) {
            remark("waiting to make partitions for the days of the events, in the way is " + in_the_way);
            told = in_the_way;
        }
        std::this_thread::sleep_for(std::chrono::seconds(1));
    }
}

/* After a failure, which may have been that of the connection. */
void drop_partitions(const Options &options, const std::string &made)
{
    std::string why = "they are in use";
    try {
        Database database(options.database);
        bool dropped = database.run("select errtrack_private.drop_import_partitions($1::text[])", made)[0][0].as<bool>();
        database.commit();
        if (dropped) {
            return;
        }
    } catch (const Failure &failure) {
        why = failure.what();
    }
    remark("empty partitions that were made for this are left, and go with the retention: " + why);
}

/* Enters what has arrived. */
void enter(Database &database, const Options &options, const std::string &head, const KindCounts &kinds)
{
    database.begin();
    std::string project = database.run("select errtrack_private.import_project($1, $2)", options.project,
                                       null_if_empty(number_or_empty(options.id)))[0][0].c_str();
    std::string other_keys;
    Progress progress(kinds.size());
    std::size_t done = 0;
    for (const auto &[kind, lines] : kinds) {
        progress.show(done++, "entering " + kind);
        if (kind == "client_keys") {
            other_keys = database.run("select errtrack_private.import_keys($1)", project)[0][0].c_str();
        } else {
            database.run("select errtrack_private.import_rows($1, $2, $3::jsonb -> 'columns' -> $1)", kind, project, head);
        }
    }
    pqxx::result made = database.run("select issues, events from errtrack_private.end_import($1, $2)", project, head);
    database.commit();
    progress.end();
    std::cout << options.project << " is project " << project << " now, with " << made[0][0].c_str() << " issues and "
              << made[0][1].c_str() << " events\n";
    if (other_keys != "0") {
        remark(other_keys + " of its client keys are used by other projects here: it has new ones for them "
               "(errtrack key list " + options.project + ")");
    }
}

}

void import_project(const Options &options)
{
    LineReader reader;
    std::optional<Database> database(std::in_place, options.database);
    Line header = reader.next();
    Json json;
    if (!json.parse(header.row) || !json.root().is_object() || json.has_vast_numbers()) {
        refuse(header.number, "is not the beginning of an export");
    }
    const std::string head(header.row);
    KindCounts kinds;
    for (const auto &kind : database->run("select kind, expected from errtrack_private.begin_import($1, $2, $3)",
                                          options.project, null_if_empty(number_or_empty(options.id)), head))
    {
        kinds.emplace_back(kind[0].c_str(), kind[1].as<std::int64_t>());
    }
    copy_lines(*database, reader, head, kinds);
    std::string names = "{";
    for (const auto &kind : kinds) {
        names.append(names.size() > 1 ? "," : "").append(kind.first);
    }
    database->run("select errtrack_private.import_is_whole($1::text[])", names + "}");
    database->commit();

    database->begin();
    wait_for_turn(*database);
    database->run("select errtrack_private.reserve_import()");
    database->commit();
    std::string made = "{}";
    try {
        made = make_partitions(*database);
        enter(*database, options, head, kinds);
    } catch (const Failure &failure) {
        /* Its locks go with it. */
        database.reset();
        if (made != "{}") {
            drop_partitions(options, made);
        }
        if (failure.code() == Exit::refused) {
            throw Failure(Exit::refused, failure.what() + std::string(": nothing is imported"));
        }
        throw;
    }
}

}
