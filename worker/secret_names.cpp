#include "worker/secret_names.hpp"

#include <algorithm>

namespace errtrack {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_letter(char c) { return is_upper(c) || (c >= 'a' && c <= 'z'); }
bool is_alnum(char c) { return is_letter(c) || is_digit(c); }

/* A name without its separators, in small letters, with a mark at each letter that begins a
 * word; words end at separators, digits and capitals. Nearly all names fit in here. */
class CompactName {
public:
    explicit CompactName(std::string_view name)
    {
        if (name.size() > most_usual) {
            longer_.resize(2 * name.size());
            text_ = longer_.data();
            begins_ = text_ + name.size();
        }
        bool separated = true;
        char before = 0;
        bool capitals = false;              /* before is a capital behind another one */
        for (char c : name) {
            bool other = static_cast<unsigned char>(c) >= 0x80;
            if (!is_alnum(c) && !other) {
                separated = true;
                continue;
            }
            bool begins = separated || is_digit(c) != is_digit(before)
                          || (is_upper(c) && !is_upper(before));
            if (!begins && capitals && !is_upper(c)) {
                begins_[size_ - 1] = 1;
            }
            capitals = !begins && is_upper(c) && is_upper(before);
            begins_[size_] = begins ? 1 : 0;
            text_[size_++] = is_upper(c) ? static_cast<char>(c - 'A' + 'a') : c;
            before = c;
            separated = false;
        }
    }

    CompactName(const CompactName &) = delete;
    CompactName &operator=(const CompactName &) = delete;

    std::string_view text() const { return {text_, size_}; }

    /* Whether there is an edge of a word before that byte. */
    bool edge(std::size_t at) const { return at == size_ || begins_[at] != 0; }

private:
    static constexpr std::size_t most_usual = 64;

    std::array<char, 2 * most_usual> usual_;
    std::vector<char> longer_;
    char *text_ = usual_.data();
    char *begins_ = usual_.data() + most_usual;
    std::size_t size_ = 0;
};

constexpr std::string_view anywhere[] = {
    "password",   "passwd",        "passphrase", "secret",    "apikey",     "credential",
    "privatekey", "encryptionkey", "accesskey",  "mysqlpwd",  "authorization", "sessionid",
    "sessid",     "sessionkey",    "cardnumber", "creditcard", "authorisation"};
constexpr std::string_view at_the_end_of_words[] = {"token"};
constexpr std::string_view words[] = {
    "auth", "bearer", "pwd", "pwds", "jwt", "jwts", "cookie", "cookies", "csrf", "xsrf", "sid", "otp",
    "cvv",  "cvc",    "accesstokens", "refreshtokens", "apitokens", "idtokens", "sessiontokens"};
/* With most other words before it, this is a number of pieces of text. */
constexpr std::string_view alone[] = {"tokens"};
constexpr std::string_view addresses[] = {
    "ipaddress",     "remoteaddr",       "remoteip",     "clientip",
    "xclientip",     "xforwardedfor",    "forwarded",    "forwardedfor",
    "xrealip",       "trueclientip",     "cfconnectingip", "xclusterclientip",
    "flyclientip",   "fastlyclientip",   "httpclientip", "httpxforwardedfor",
    "httpforwarded", "httpxrealip",      "xoriginalforwardedfor", "xenvoyexternaladdress"};

}

SecretNames::SecretNames(const Options &options)
{
    if (options.usual) {
        for (std::string_view name : anywhere) {
            add(name, false, false, false);
        }
        for (std::string_view name : at_the_end_of_words) {
            add(name, false, true, false);
        }
        for (std::string_view name : words) {
            add(name, true, true, false);
        }
        for (std::string_view name : alone) {
            add(name, true, true, true);
        }
    }
    if (options.addresses) {
        for (std::string_view name : addresses) {
            add(name, true, true, true);
        }
    }
    for (const std::string &name : options.more) {
        add(name, true, true, false);
    }
    for (const std::string &name : options.exempt) {
        exempt_.emplace_back(CompactName(name).text());
    }
    std::stable_sort(patterns_.begin(), patterns_.end(), [](const Pattern &a, const Pattern &b) {
        return static_cast<unsigned char>(a.text[0]) < static_cast<unsigned char>(b.text[0]);
    });
    for (const Pattern &pattern : patterns_) {
        first_[static_cast<unsigned char>(pattern.text[0]) + 1]++;
    }
    for (std::size_t i = 1; i < first_.size(); i++) {
        first_[i] = static_cast<std::uint16_t>(first_[i] + first_[i - 1]);
    }
}

void SecretNames::add(std::string_view name, bool from_word, bool to_word, bool whole)
{
    std::string text(CompactName(name).text());
    if (!text.empty()) {
        patterns_.push_back({std::move(text), from_word, to_word, whole});
    }
}

SecretNames::Verdict SecretNames::judge(std::string_view name) const
{
    CompactName compact(name);
    std::string_view text = compact.text();
    bool secret = false;
    for (std::size_t at = 0; at < text.size() && !secret; at++) {
        unsigned char byte = static_cast<unsigned char>(text[at]);
        for (std::size_t i = first_[byte]; i < first_[byte + 1u] && !secret; i++) {
            const Pattern &pattern = patterns_[i];
            std::size_t end = at + pattern.text.size();
            secret = end <= text.size() && text[end - 1] == pattern.text.back()
                     && text.substr(at).starts_with(pattern.text)
                     && (!pattern.from_word || compact.edge(at))
                     && (!pattern.to_word || compact.edge(end))
                     && (!pattern.whole || (at == 0 && end == text.size()));
        }
    }
    if (!secret && exempt_.empty()) {
        return Verdict::plain;
    }
    bool exempt = std::find(exempt_.begin(), exempt_.end(), text) != exempt_.end();
    return exempt ? Verdict::exempt : secret ? Verdict::secret : Verdict::plain;
}

}
