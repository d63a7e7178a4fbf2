/*
 * Aligning text. Widths are counted in code points, which is right for the
 * slugs, keys and addresses shown here and near enough for names. Names and
 * labels are free text that others may have written, so control characters do
 * not reach the terminal.
 */

#include "worker/admin_output.hpp"

#include <algorithm>
#include <cstdint>
#include <iostream>

namespace errtrack {

namespace {

/* Object ids of types, fixed in every PostgreSQL. */
constexpr unsigned oid_bool = 16;
constexpr unsigned oid_int8 = 20;
constexpr unsigned oid_int4 = 23;
constexpr unsigned oid_text_array = 1009;

bool is_continuation(char c)
{
    return (static_cast<unsigned char>(c) & 0xc0) == 0x80;
}

std::size_t width(const std::string &text)
{
    return text.size() - static_cast<std::size_t>(
                             std::count_if(text.begin(), text.end(), is_continuation));
}

/* Also hides U+0080 to U+009F, which some terminals obey. */
std::string without_controls(const char *text)
{
    std::string clean;
    for (; *text != '\0'; text++) {
        auto byte = static_cast<unsigned char>(*text);
        if (byte < 0x20 || byte == 0x7f) {
            clean.push_back('?');
        } else if (byte == 0xc2 && is_continuation(text[1])
                   && static_cast<unsigned char>(text[1]) < 0xa0) {
            clean.push_back('?');
            text++;
        } else {
            clean.push_back(*text);
        }
    }
    return clean;
}

std::string shown(const pqxx::result &rows, const pqxx::field &field, pqxx::row::size_type column)
{
    if (field.is_null()) {
        return "-";
    }
    std::string text = without_controls(field.c_str());
    auto type = rows.column_type(column);
    if (type == oid_bool) {
        return text == "t" ? "yes" : "no";
    }
    // The only arrays are those of scopes, which need no quotes: {a,b}.
    if (type == oid_text_array && text.size() >= 2) {
        text = text.substr(1, text.size() - 2);
        std::replace(text.begin(), text.end(), ',', ' ');
    }
    return text.empty() ? "-" : text;
}

bool is_number(const pqxx::result &rows, pqxx::row::size_type column)
{
    auto type = rows.column_type(column);
    return type == oid_int8 || type == oid_int4;
}

}

void remark(const std::string &text)
{
    std::cout << std::flush;
    std::cerr << "errtrack: note: " << text << '\n';
}

void print_table(std::ostream &out, const pqxx::result &rows)
{
    using Column = pqxx::row::size_type;
    std::vector<std::vector<std::string>> lines(1);
    for (Column column = 0; column < rows.columns(); column++) {
        lines[0].emplace_back(rows.column_name(column));
    }
    for (const auto &row : rows) {
        auto &line = lines.emplace_back();
        for (Column column = 0; column < rows.columns(); column++) {
            line.push_back(shown(rows, row[column], column));
        }
    }
    std::vector<std::size_t> widths(lines[0].size());
    for (const auto &line : lines) {
        for (std::size_t i = 0; i < line.size(); i++) {
            widths[i] = std::max(widths[i], width(line[i]));
        }
    }
    for (const auto &line : lines) {
        std::string text;
        for (std::size_t i = 0; i < line.size(); i++) {
            std::string space(widths[i] - width(line[i]), ' ');
            text += is_number(rows, static_cast<Column>(i)) ? space + line[i] : line[i] + space;
            text += "  ";
        }
        text.erase(text.find_last_not_of(' ') + 1);
        out << text << '\n';
    }
}

void print_record(std::ostream &out, const Fields &fields)
{
    std::size_t widest = 0;
    for (const auto &field : fields) {
        widest = std::max(widest, field.first.size());
    }
    for (const auto &field : fields) {
        out << field.first << std::string(widest - field.first.size() + 2, ' ')
            << (field.second.empty() ? "-" : field.second) << '\n';
    }
}

void print_record(std::ostream &out, const Fields &first, const pqxx::result &row)
{
    Fields fields = first;
    for (pqxx::row::size_type column = 0; column < row.columns(); column++) {
        fields.emplace_back(row.column_name(column), shown(row, row[0][column], column));
    }
    print_record(out, fields);
}

void print_object(std::ostream &out, const Fields &first, const std::string &object)
{
    out << '{';
    for (const auto &field : first) {
        out << '"' << field.first << "\":\"" << field.second << "\",";
    }
    out << object.substr(1) << '\n';
}

}
