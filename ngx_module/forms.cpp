/*
 * Small forms into envelopes.
 */

#include "ngx_module/forms.hpp"

#include "worker/outcome.hpp"

#include <jansson.h>

#include <charconv>
#include <cmath>
#include <memory>

namespace errtrack __attribute__((visibility("hidden"))) {
namespace {

constexpr std::size_t max_slug = 200;
constexpr std::size_t max_name = 128;
constexpr std::size_t max_email = 75;
constexpr std::size_t max_comments = 4096;

/* An update of the newest check-in that is in progress. */
constexpr std::string_view nil_id = "00000000000000000000000000000000";

struct JsonFree {
    void operator()(json_t *value) const noexcept { json_decref(value); }
};
using Json = std::unique_ptr<json_t, JsonFree>;

int hex_digit(char c) noexcept
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10
         : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* An escape that is none stays as it is written. */
std::string decoded(std::string_view text)
{
    std::string plain;
    plain.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); i++) {
        int high = text[i] == '%' && i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
        int low = high >= 0 ? hex_digit(text[i + 2]) : -1;
        if (low >= 0) {
            plain.push_back(static_cast<char>(high * 16 + low));
            i += 2;
        } else {
            plain.push_back(text[i] == '+' ? ' ' : text[i]);
        }
    }
    return plain;
}

/* What is not UTF-8 becomes question marks. */
Json text_value(std::string text)
{
    Json value(json_stringn(text.data(), text.size()));
    if (!value) {
        for (char &c : text) {
            c = static_cast<unsigned char>(c) >= 0x80 ? '?' : c;
        }
        value.reset(json_stringn(text.data(), text.size()));
    }
    return value;
}

void set_text(const Json &object, const char *name, std::string text)
{
    json_object_set_new(object.get(), name, text_value(std::move(text)).release());
}

std::string dumped(const Json &value)
{
    std::unique_ptr<char, decltype(&free)> text(json_dumps(value.get(), JSON_COMPACT), &free);
    return text != nullptr ? text.get() : "";
}

std::size_t characters(std::string_view text) noexcept
{
    std::size_t count = 0;
    for (char c : text) {
        count += (static_cast<unsigned char>(c) & 0xc0) != 0x80;
    }
    return count;
}

bool is_email(std::string_view text) noexcept
{
    std::size_t at = text.find('@');
    return at != std::string_view::npos && at > 0 && text.find('@', at + 1) == text.npos
           && text.find('.', at + 2) != text.npos && text.back() != '.'
           && text.find_first_of(" \t\r\n<>()[],;:\"") == text.npos;
}

void complain(const Json &errors, const char *field, const char *text)
{
    json_object_set_new(errors.get(), field, json_pack("[s]", text));
}

constexpr Fault bad_checkin(std::string_view cause) noexcept
{
    return {reason::invalid_form, "invalid check-in", cause};
}

}

std::optional<std::string> form_value(std::string_view form, std::string_view name)
{
    while (!form.empty()) {
        std::size_t end = form.find('&');
        std::string_view pair = form.substr(0, end);
        form.remove_prefix(end == std::string_view::npos ? form.size() : end + 1);
        std::size_t equals = pair.find('=');
        if (pair.substr(0, equals) == name) {
            return equals == std::string_view::npos ? std::string()
                                                    : decoded(pair.substr(equals + 1));
        }
    }
    return std::nullopt;
}

FormEnvelope checkin_envelope(std::string_view slug, std::string_view query,
                              std::string_view body)
{
    if (slug.size() > max_slug) {
        return {{}, bad_checkin("the slug of the monitor is too long")};
    }
    Json checkin;
    if (body.find_first_not_of(" \t\r\n") != std::string_view::npos) {
        checkin.reset(json_loadb(body.data(), body.size(), 0, nullptr));
        if (!json_is_object(checkin.get())) {
            return {{}, bad_checkin("the body is no JSON object")};
        }
    } else {
        checkin.reset(json_object());
        for (const char *name : {"status", "check_in_id", "environment"}) {
            if (auto value = form_value(query, name)) {
                set_text(checkin, name, std::move(*value));
            }
        }
        if (auto text = form_value(query, "duration")) {
            double seconds = 0;
            auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), seconds);
            if (error != std::errc() || end != text->data() + text->size() || !std::isfinite(seconds)
                || seconds < 0)
            {
                return {{}, bad_checkin("duration is no number of seconds")};
            }
            json_object_set_new(checkin.get(), "duration", json_real(seconds));
        }
    }
    const json_t *status = json_object_get(checkin.get(), "status");
    if (status == nullptr) {
        return {{}, bad_checkin("status is missing: ok, error or in_progress")};
    }
    if (!json_is_string(status)) {
        return {{}, bad_checkin("status is no string")};
    }
    if (json_object_get(checkin.get(), "check_in_id") == nullptr) {
        set_text(checkin, "check_in_id", std::string(nil_id));
    }
    set_text(checkin, "monitor_slug", std::string(slug));
    return {"{}\n{\"type\":\"check_in\"}\n" + dumped(checkin) + "\n", {}};
}

FormEnvelope user_report_envelope(std::string_view event_id, std::string_view form,
                                  std::string &errors)
{
    std::string name = form_value(form, "name").value_or("");
    std::string email = form_value(form, "email").value_or("");
    std::string comments = form_value(form, "comments").value_or("");
    Json faults(json_object());
    if (characters(name) > max_name) {
        complain(faults, "name", "at most 128 characters");
    }
    if (!is_email(email) || characters(email) > max_email) {
        complain(faults, "email", "an e-mail address of at most 75 characters is expected");
    }
    if (comments.find_first_not_of(" \t\r\n") == std::string::npos) {
        complain(faults, "comments", "this field is required");
    } else if (characters(comments) > max_comments) {
        complain(faults, "comments", "at most 4096 characters");
    }
    if (json_object_size(faults.get()) > 0) {
        errors = "{\"errors\":" + dumped(faults) + "}";
        return {{}, {reason::invalid_form, "invalid user report", {}}};
    }
    Json report(json_object());
    set_text(report, "event_id", std::string(event_id));
    set_text(report, "name", std::move(name));
    set_text(report, "email", std::move(email));
    set_text(report, "comments", std::move(comments));
    std::string id(event_id);
    return {"{\"event_id\":\"" + id + "\"}\n{\"type\":\"user_report\"}\n" + dumped(report) + "\n", {}};
}

}
