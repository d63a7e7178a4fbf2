/*
 * The scrubber against a slow and obvious one: the same names are secret, each leaf of a
 * document is filtered or not as its place says, and scrubbing again changes nothing. For
 * clang -fsanitize=fuzzer.
 */

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "worker/json.hpp"
#include "worker/repair.hpp"
#include "worker/scrub.hpp"

namespace {

using namespace errtrack;

void require(bool right)
{
    if (!right) {
        std::abort();
    }
}

/* ---- names, word by word ---- */

enum class Kind { capital, small, digit, separator };

Kind kind_of(char c)
{
    return c >= 'A' && c <= 'Z'   ? Kind::capital
           : c >= '0' && c <= '9' ? Kind::digit
           : (c >= 'a' && c <= 'z') || static_cast<unsigned char>(c) >= 0x80 ? Kind::small
                                                                             : Kind::separator;
}

std::vector<std::string> words_of(std::string_view name)
{
    std::vector<std::string> words;
    for (std::size_t i = 0; i < name.size(); i++) {
        Kind kind = kind_of(name[i]);
        if (kind == Kind::separator) {
            continue;
        }
        Kind before = i == 0 ? Kind::separator : kind_of(name[i - 1]);
        Kind after = i + 1 == name.size() ? Kind::separator : kind_of(name[i + 1]);
        bool begins = before == Kind::separator
                      || (kind == Kind::digit) != (before == Kind::digit)
                      || (kind == Kind::capital && before == Kind::small)
                      || (kind == Kind::capital && before == Kind::capital && after == Kind::small);
        if (begins) {
            words.emplace_back();
        }
        words.back() += lower(name.substr(i, 1));
    }
    return words;
}

/* Whether words in a row, joined, are the wanted one. */
bool has_words(const std::vector<std::string> &words, std::string_view wanted)
{
    for (std::size_t from = 0; from < words.size(); from++) {
        std::string joined;
        for (std::size_t i = from; i < words.size() && joined.size() < wanted.size(); i++) {
            joined += words[i];
            if (joined == wanted) {
                return true;
            }
        }
    }
    return false;
}

bool is_secret(std::string_view name)
{
    std::vector<std::string> words = words_of(name);
    std::string joined;
    bool secret = false;
    for (const std::string &word : words) {
        joined += word;
        secret = secret || joined.ends_with("token");
    }
    for (std::string_view part : {
             "password", "passwd", "passphrase", "secret", "apikey", "credential", "privatekey",
             "encryptionkey", "accesskey", "mysqlpwd", "authorization", "sessionid", "sessid",
             "sessionkey", "cardnumber", "creditcard", "authorisation"}) {
        secret = secret || joined.find(part) != joined.npos;
    }
    for (std::string_view word : {
             "auth", "bearer", "pwd", "pwds", "jwt", "jwts", "cookie", "cookies", "csrf", "xsrf", "sid",
             "otp", "cvv", "cvc", "accesstokens", "refreshtokens", "apitokens", "idtokens",
             "sessiontokens"}) {
        secret = secret || has_words(words, word);
    }
    return secret || joined == "tokens";
}

/* ---- documents, leaf by leaf ---- */

void compare(JsonValue before, JsonValue after, bool secret);

void compare_child(JsonValue before, JsonValue after, bool secret)
{
    auto second = before.begin();
    bool pair = before.is_array() && before.parent().is_array() && second != before.end()
                && second->is_string() && ++second != before.end()
                && std::next(second) == before.end();
    if (!pair) {
        compare(before, after, secret);
        return;
    }
    auto copy = after.begin();
    bool inner = secret || is_secret((*before.begin()).text());
    compare(*before.begin(), *copy, secret);
    compare(*second, *++copy, inner);
}

void compare(JsonValue before, JsonValue after, bool secret)
{
    if (before.is_object() || before.is_array()) {
        require(before.type() == after.type());
        auto copy = after.begin();
        for (JsonValue child : before) {
            require(copy != after.end() && child.key() == copy->key());
            compare_child(child, *copy, secret || (before.is_object() && is_secret(child.key())));
            ++copy;
        }
        require(copy == after.end());
    } else if (!before.is_string() && !before.is_number()) {
        require(before.raw() == after.raw());
    } else if (secret) {
        require(after.text() == (before.raw() == "\"\"" ? "" : filtered_text));
    } else if (after.text() != before.text()) {
        require(after.text().find(filtered_text) != std::string::npos);
    } else {
        require(after.raw() == before.raw());
    }
}

}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
    static const Scrubber scrubber;
    static const SecretNames names{SecretNames::Options{}};
    std::string_view input(reinterpret_cast<const char *>(data), size);

    require((names.judge(input) == SecretNames::Verdict::secret) == is_secret(input));
    std::size_t last = 0;
    for (const TextRange &range : find_secrets(input, names)) {
        require(range.begin >= last && range.end > range.begin && range.end <= input.size());
        last = range.end;
    }

    std::string buffer;
    Json before;
    Json after;
    if (!before.parse(repair(input, buffer)) || !after.parse(before.root().raw())
        || !before.root().is_object()) {
        return 0;
    }
    scrubber.scrub(after);
    for (auto member = before.root().begin(), copy = after.root().begin();
         member != before.root().end(); ++member, ++copy) {
        if (member->has_key("modules") || member->has_key("_meta")) {
            require(member->raw_member() == copy->raw_member());
        } else {
            compare(*member, *copy, is_secret(member->key()));
        }
    }

    Json again;
    require(again.parse(after.root().raw()));
    require(again.root().canonical() == after.root().canonical());
    scrubber.scrub(again);
    require(again.root().raw() == after.root().raw());
    return 0;
}
