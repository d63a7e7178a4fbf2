/*
 * What goes to SQL and what comes back, as the surfaces write it: a request as one JSON
 * document, refusals in the words of each surface, links to other pages. Pure: no nginx,
 * no database.
 */

#ifndef ERRTRACK_NGX_MODULE_EXCHANGE_HPP
#define ERRTRACK_NGX_MODULE_EXCHANGE_HPP

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ngx_module/pg_task.hpp"
#include "ngx_module/routes.hpp"
#include "ngx_module/url.hpp"
#include "worker/seal.hpp"

namespace errtrack __attribute__((visibility("hidden"))) {

using Headers = std::vector<std::pair<std::string_view, std::string>>;

/* What a client sent, read but not understood. */
struct Request {
    Match match;
    Arguments arguments;
    std::string base;                    /* scheme, host and port, for links and DSNs */
    std::string address;                 /* of the client */
    bool has_body = false;
    std::string body;
    std::string content_type;            /* of the body */
    const SealKeys *keys = nullptr;      /* for the secrets in it; null: there are none */
};

/* Stands in a body for a secret that was taken out. */
inline constexpr std::string_view taken_out = "[sealed]";

/*
 * {"path": {name: text}, "arguments": {name: [text]}, "base": text, "address": text, "body": ...}; of an
 * upload "fields": {name: text} and "files": [{"field", "filename", "sha1", "content"}] with
 * the content in base64 instead of "body". Arguments
 * that are no text are refused by their name. Nothing: refusal says why, with 400.
 *
 * Where the route says that a body has secrets, "sealed": {"url", "secret", "token"} holds
 * those of these members that are there and not empty, sealed for seal_context(seals,
 * member); without keys it is absent. In the body taken_out stands for secret and token, with
 * keys or without: PostgreSQL may log what it is asked. The url stays there for SQL to judge.
 *
 * Where the route says that a body may have rules for grouping, "rules": {member: {"rules":
 * [text, ...], "problem": text}} holds those of fingerprintingRules and groupingEnhancements:
 * each line that is a rule, and what is wrong with the first that cannot be one.
 */
std::optional<std::string> request_json(const Request &request, std::string &refusal);

/* The same without what the body says. Arguments that are no text are left out. */
std::string head_json(const Request &request);

/* The body of a refusal. reason goes in as it is, and may be empty. */
std::string refusal_json(Surface surface, int status, std::string_view reason);

/* Link, X- and other headers of an answer that is one page of several. */
Headers page_headers(const Request &request, const SqlAnswer &answer);

}

#endif
