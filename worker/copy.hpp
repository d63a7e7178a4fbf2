/*
 * Rows into a table by COPY, and values as PostgreSQL reads them.
 */

#ifndef ERRTRACK_WORKER_COPY_HPP
#define ERRTRACK_WORKER_COPY_HPP

#include <pqxx/pqxx>
#include <pqxx/stream_to>

#include <cstdint>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

namespace errtrack {

/* An empty text is no text. */
inline const char *or_null(const std::string &text) noexcept
{
    return text.empty() ? nullptr : text.c_str();
}

std::string bytea(std::string_view bytes);

/* Rows into a table by COPY. A row is a tuple of const char *, null for NULL. */
class Copy {
public:
    Copy(pqxx::transaction_base &tx, const char *table, const std::vector<std::string> &columns)
        : stream_(tx, table, columns)
    {
    }

    template <class... Fields>
    void row(Fields... fields)
    {
        stream_ << std::make_tuple(fields...);
    }

    void end() { stream_.complete(); }

private:
    pqxx::stream_to stream_;
};

}

#endif
