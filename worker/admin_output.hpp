/*
 * What the command "errtrack" prints: tables for lists, "name  value" lines for
 * one record, JSON for programs. The server makes the JSON, so both forms come
 * from the same query.
 */

#ifndef ERRTRACK_WORKER_ADMIN_OUTPUT_HPP
#define ERRTRACK_WORKER_ADMIN_OUTPUT_HPP

#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include <pqxx/pqxx>

#include "worker/admin_database.hpp"

namespace errtrack {

/* Something to think about, for people: on standard error, after what was done. */
void remark(const std::string &text);

/* Aligned columns under a line of their names; numbers to the right. */
void print_table(std::ostream &out, const pqxx::result &rows);

/* Lines of fields that belong to one thing, first and then those of the row. */
using Fields = std::vector<std::pair<std::string, std::string>>;
void print_record(std::ostream &out, const Fields &fields);
void print_record(std::ostream &out, const Fields &first, const pqxx::result &row);

/* The same as one JSON object. The values of first need no escaping: they are
 * made here, of letters, digits and "_". */
void print_object(std::ostream &out, const Fields &first, const std::string &object);

/* Shows a query as a list. */
template <class... Values>
void show_list(std::ostream &out, Database &database, bool json, const std::string &query,
               const Values &...values)
{
    if (json) {
        pqxx::result rows = database.run(
            "select coalesce(json_agg(list), '[]') from (" + query + ") as list", values...);
        out << rows[0][0].c_str() << '\n';
    } else {
        print_table(out, database.run(query, values...));
    }
}

/* Shows a query of one row as a record. */
template <class... Values>
void show_record(std::ostream &out, Database &database, bool json, const Fields &first,
                 const std::string &query, const Values &...values)
{
    if (json) {
        pqxx::result rows = database.run(
            "select row_to_json(record) from (" + query + ") as record", values...);
        print_object(out, first, rows[0][0].c_str());
    } else {
        print_record(out, first, database.run(query, values...));
    }
}

}

#endif
