/*
 * The lines go into temporary tables by COPY, and are checked on the way; what is held in
 * memory is one line. Only when the last one is there, and all of them are as they were
 * written, the project is made of them, in one transaction (sql/api/066_import.sql).
 */

#include "worker/admin_import.hpp"

#include "worker/admin_database.hpp"
#include "worker/admin_lines.hpp"
#include "worker/admin_output.hpp"
#include "worker/admin_progress.hpp"
#include "worker/copy.hpp"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

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

/* Copies all lines up to the trailer into the tables of their kinds. */
void copy_lines(Database &database, LineReader &reader, const KindCounts &expected)
{
    std::int64_t total = 0;
    for (const auto &kind : expected) {
        total += kind.second;
    }
    Progress progress(static_cast<std::size_t>(total));
    KindCounts counts = expected;
    for (auto &kind : counts) {
        kind.second = 0;
    }
    std::size_t place = 0;
    std::optional<Copy> copy;
    std::size_t done = 0;
    database.with_transaction([&](pqxx::transaction_base &tx) {
        for (;;) {
            Line line = reader.next();
            if (line.kind == "trailer") {
                if (copy) {
                    copy->end();
                }
                if (line.row != trailer_row(counts) || counts != expected) {
                    refuse(line.number, "tells another number of lines than there are");
                }
                reader.end();
                return;
            }
            if (!copy || line.kind != counts[place].first) {
                if (copy) {
                    copy->end();
                    copy.reset();
                    place++;
                }
                while (place < counts.size() && counts[place].first != line.kind) {
                    place++;
                }
                if (place == counts.size()) {
                    refuse(line.number, "is of a kind that does not belong there");
                }
                copy.emplace(tx, ("import_" + counts[place].first).c_str(), std::vector<std::string>{"line", "row"});
            }
            if (line.row.find('\0') != line.row.npos) {
                refuse(line.number, "is no JSON");
            }
            copy->row(std::to_string(line.number).c_str(), std::string(line.row).c_str());
            counts[place].second++;
            progress.show(++done, counts[place].first);
        }
    });
}

}

void import_project(const Options &options)
{
    LineReader reader;
    Database database(options.database);
    std::string head(reader.next().row);
    std::string wanted = number_or_empty(options.id);
    KindCounts kinds;
    for (const auto &kind : database.run("select kind, expected from errtrack_private.begin_import($1, $2, $3)",
                                         options.project, null_if_empty(wanted), head))
    {
        kinds.emplace_back(kind[0].c_str(), kind[1].as<std::int64_t>());
    }
    copy_lines(database, reader, kinds);
    std::string names = "{";
    for (const auto &kind : kinds) {
        names.append(names.size() > 1 ? "," : "").append(kind.first);
    }
    database.run("select errtrack_private.import_is_whole($1::text[])", names + "}");
    database.commit();

    database.begin();
    database.run("select errtrack_private.reserve_import()");
    database.commit();

    database.begin();
    std::string project = database.run("select errtrack_private.import_project($1, $2)", options.project,
                                       null_if_empty(wanted))[0][0].c_str();
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
