/* Texts are passed over once, by the bytes that may begin something. */

#include "worker/secrets.hpp"

#include <algorithm>
#include <array>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "worker/auth_scheme.hpp"
#include "worker/card_number.hpp"
#include "worker/repair.hpp"

namespace errtrack {
namespace {

/* Of a longer name the end counts. */
constexpr std::size_t most_name = 128;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_letter(char c) { return is_upper(c) || (c >= 'a' && c <= 'z'); }
bool is_alnum(char c) { return is_letter(c) || is_digit(c); }
bool is_quote(char c) { return c == '"' || c == '\''; }

/* What a value behind "=" ends at that has no quotes. */
constexpr std::string_view ends_of_pair = " \t\r\n\v\f&;\"'<>)]}";
constexpr std::string_view ends_of_authority = "/?#\\ \t\r\n\"'<>()";
constexpr std::string_view ends_of_encoded = "% \t\r\n\v\f&;\"'<>)]}";

/* Letters before "=" that may belong to a name, brackets and escapes of forms too. */
bool in_name(char c)
{
    return is_alnum(c) || c == '_' || c == '-' || c == '.' || c == '[' || c == ']' || c == '%'
           || static_cast<unsigned char>(c) >= 0x80;
}

/* A name in a URL: what is behind the last escape but those of brackets, such as %3F and %26. */
std::string after_escapes(std::string_view name)
{
    std::string plain;
    for (std::size_t at = 0; at < name.size(); at++) {
        if (name[at] != '%') {
            plain.push_back(name[at]);
            continue;
        }
        std::string escape = lower(name.substr(at, 3));
        if (escape == "%5b" || escape == "%5d") {
            plain.push_back(' ');
        } else {
            plain.clear();
        }
        at += 2;
    }
    return plain;
}

enum class Begins : std::uint8_t { nothing, digit, pair, colon, dash, blank };

constexpr std::array<Begins, 256> begins_of = [] {
    std::array<Begins, 256> table{};
    for (unsigned c = '0'; c <= '9'; c++) {
        table[c] = Begins::digit;
    }
    table['='] = Begins::pair;
    table[':'] = Begins::colon;
    table['-'] = Begins::dash;
    for (unsigned c = 0; c <= ' '; c++) {
        table[c] = Begins::blank;
    }
    return table;
}();

using Verdict = SecretNames::Verdict;

class TextReader {
public:
    TextReader(std::string_view text, const SecretNames &names) : text_(text), names_(names) {}

    std::vector<TextRange> run()
    {
        for (;;) {
            at_ = next(at_);
            if (at_ == text_.size()) {
                break;
            }
            switch (begins(at_)) {
            case Begins::nothing:
                break;
            case Begins::digit:
                digit();
                break;
            case Begins::pair:
                assignment();
                break;
            case Begins::colon:
                colon();
                break;
            case Begins::dash:
                private_key();
                break;
            case Begins::blank:
                credentials();
                break;
            }
        }
        return std::move(found_);
    }

private:
    Begins begins(std::size_t at) const { return begins_of[static_cast<unsigned char>(text_[at])]; }

    /* Whether nothing begins there. Nearly all blanks are behind other letters than the
     * last ones of "bearer" and "basic". */
    bool passes(std::size_t at) const
    {
        Begins kind = begins(at);
        if (kind != Begins::blank) {
            return kind == Begins::nothing;
        }
        char before = at > 0 ? static_cast<char>(text_[at - 1] | 0x20) : ' ';
        return before != 'r' && before != 'c';
    }

    /* The first place from there where something may begin, or the end. */
    std::size_t next(std::size_t at) const
    {
        // From the second byte on: the one before it counts, too.
        if (at == 0 && (text_.empty() || !passes(at++))) {
            return 0;
        }
#ifdef __SSE2__
        auto all = [](char c) { return _mm_set1_epi8(c); };
        auto load = [this](std::size_t from) {
            return _mm_loadu_si128(reinterpret_cast<const __m128i *>(text_.data() + from));
        };
        for (; text_.size() - at >= 16; at += 16) {
            __m128i block = load(at);
            __m128i before = load(at - 1) | all(0x20);
            __m128i from_zero = _mm_sub_epi8(block, all('0'));
            __m128i found = _mm_cmpeq_epi8(_mm_min_epu8(from_zero, all(':' - '0')), from_zero)
                            | _mm_cmpeq_epi8(block, all('=')) | _mm_cmpeq_epi8(block, all('-'))
                            | (_mm_cmpeq_epi8(_mm_min_epu8(block, all(' ')), block)
                               & (_mm_cmpeq_epi8(before, all('r')) | _mm_cmpeq_epi8(before, all('c'))));
            if (int mask = _mm_movemask_epi8(found); mask != 0) {
                return at + static_cast<std::size_t>(__builtin_ctz(static_cast<unsigned>(mask)));
            }
        }
#endif
        while (at < text_.size() && passes(at)) {
            at++;
        }
        return at;
    }

    bool is(std::size_t at, char c) const { return at < text_.size() && text_[at] == c; }

    std::size_t after_white(std::size_t at) const
    {
        while (at < text_.size() && is_white(text_[at])) {
            at++;
        }
        return at;
    }

    /* White space is passed over by what stands right behind it alone. */
    std::size_t before_white(std::size_t at) const
    {
        while (at > 0 && is_white(text_[at - 1])) {
            at--;
        }
        return at;
    }

    /* Goes on behind the passage. What is filtered already stays as it is. */
    void take(std::size_t begin, std::size_t end)
    {
        if (end > begin && text_.substr(begin, end - begin) != filtered_text) {
            found_.push_back({begin, end});
        }
        at_ = end;
    }

    void digit()
    {
        std::string_view escape;
        if (text_[at_] == '3' && at_ > 0 && text_[at_ - 1] == '%') {
            escape = text_.substr(at_ + 1, 1);
        }
        if (escape == "D" || escape == "d") {
            encoded_assignment();
        } else if (escape == "A" || escape == "a") {
            encoded_member();
        } else {
            card();
        }
    }

    /* How long what stands between groups of digits is: a blank, also one that does not break
     * or is thin, a dash or a dot. */
    std::size_t separator(std::size_t at) const
    {
        char c = text_[at];
        if (c == ' ' || c == '-' || c == '.') {
            return 1;
        }
        std::string_view rest = text_.substr(at, 3);
        return rest.starts_with("\xc2\xa0")                              ? 2
               : rest == "\xe2\x80\xaf" || rest == "\xe2\x80\x89" ? 3
                                                                  : 0;
    }

    /* At the first digit of a number. */
    void card()
    {
        std::size_t end = begins_card() ? end_of_card() : 0;
        if (end > 0) {
            take(at_, end);
            return;
        }
        while (at_ < text_.size() && is_digit(text_[at_])) {
            at_++;
        }
    }

    /* No card has a number that begins with 0, 1, 7, 8 or 9, nor is it a part of another one. */
    bool begins_card() const
    {
        if (text_[at_] < '2' || text_[at_] > '6') {
            return false;
        }
        char before = at_ > 0 ? text_[at_ - 1] : ' ';
        return !is_alnum(before) && (before != '.' || at_ < 2 || !is_digit(text_[at_ - 2]));
    }

    /* Whether a number goes on there, or is a part of a word. */
    bool is_more(std::size_t at) const
    {
        return at < text_.size()
               && (is_alnum(text_[at])
                   || (text_[at] == '.' && at + 1 < text_.size() && is_digit(text_[at + 1])));
    }

    /* Where the longest number of a card ends that begins here; 0 when none does. */
    std::size_t end_of_card() const
    {
        std::array<char, most_card_digits> digits;
        std::size_t count = 0;
        CardGroups groups;
        std::size_t best = 0;
        for (std::size_t i = at_; i < text_.size() && count < digits.size();) {
            if (!is_digit(text_[i])) {
                std::size_t size = separator(i);
                if (size == 0 || i + size >= text_.size() || !is_digit(text_[i + size])) {
                    break;
                }
                groups.add(count, text_.substr(i, size));
                i += size;
            }
            digits[count++] = text_[i++];
            if (count >= fewest_card_digits && !is_more(i) && is_card_number({digits.data(), count})
                && groups.may_be_card(count)) {
                best = i;
            }
        }
        return best;
    }

    /* The name that ends before that byte, without its quotes if it has some. */
    std::string_view name_before(std::size_t end) const
    {
        char quote = end > 0 ? text_[end - 1] : '\0';
        bool quoted = is_quote(quote);
        end -= quoted;
        std::size_t begin = end;
        std::size_t least = end - std::min(end, most_name);
        while (begin > least && (quoted ? text_[begin - 1] != quote : in_name(text_[begin - 1]))) {
            begin--;
        }
        return text_.substr(begin, end - begin);
    }

    bool is_secret(std::string_view name) const
    {
        Verdict verdict = name.find('%') == name.npos ? names_.judge(name)
                                                      : names_.judge(after_escapes(name));
        return verdict == Verdict::secret;
    }

    /* Whether a name without quotes stands where members do. In "unexpected token: '<'" it
     * does not. */
    bool begins_member(std::string_view name) const
    {
        std::size_t begin = static_cast<std::size_t>(name.data() - text_.data());
        std::size_t before = before_white(begin);
        return before == 0 || std::string_view("{(,").find(text_[before - 1]) != std::string_view::npos
               || text_.substr(before, begin - before).find('\n') != std::string_view::npos;
    }

    /* In JSON that is a string of JSON quotes have a backslash, one level deeper three, and so
     * on: of those before a quote as many are its own as low bits are set in their number. */
    std::size_t escape_of(std::size_t quote) const
    {
        std::size_t begin = quote;
        while (begin > 0 && text_[begin - 1] == '\\') {
            begin--;
        }
        std::size_t all = quote - begin;
        return (all ^ (all + 1)) >> 1;
    }

    /* The quote that ends what one begins: it is not escaped any deeper. */
    std::size_t closing_quote(std::size_t quote) const
    {
        std::size_t escape = escape_of(quote);
        std::size_t end = text_.find(text_[quote], quote + 1);
        while (end != text_.npos && escape_of(end) > escape) {
            end = text_.find(text_[quote], end + 1);
        }
        return std::min(end, text_.size());
    }

    /* The quote that a value begins with, maybe behind backslashes or as Python's b'' and u''. */
    std::size_t opening_quote(std::size_t value) const
    {
        while (is(value, '\\')) {
            value++;
        }
        value += is(value, 'b') || is(value, 'u');
        return value < text_.size() && is_quote(text_[value]) ? value : text_.npos;
    }

    void quoted_value(std::size_t quote)
    {
        std::size_t end = closing_quote(quote);
        take(quote + 1, end == text_.size() ? end : end - escape_of(end));
    }

    /* Behind the list or object that begins there; behind all of a text that is cut off. */
    std::size_t after_container(std::size_t at) const
    {
        std::size_t depth = 0;
        do {
            at = text_.find_first_of("\"'[]{}", at);
            if (at == text_.npos) {
                return text_.size();
            }
            if (is_quote(text_[at])) {
                at = closing_quote(at);
            } else {
                bool opens = text_[at] == '[' || text_[at] == '{';
                depth = opens ? depth + 1 : depth - 1;
            }
            at++;
        } while (depth > 0);
        return std::min(at, text_.size());
    }

    /* A list or an object; an empty one, or one that goes on in another line of source, stays. */
    void container(std::size_t begin)
    {
        std::size_t end = after_container(begin);
        if (text_.substr(begin, end - begin).find_first_not_of(" \t\r\n\v\f[]{},") < end - begin) {
            take(begin, end);
        } else {
            at_ = end;
        }
    }

    std::size_t first_of(std::string_view ends, std::size_t at) const
    {
        return std::min(text_.find_first_of(ends, at), text_.size());
    }

    /* That there is no secret, or whether there is one, is none. */
    void bare_value(std::size_t at, std::size_t end)
    {
        constexpr std::string_view no_secrets[] = {"null", "nil",  "none", "undefined",
                                                   "true", "false"};
        if (text_.substr(at).starts_with(filtered_text)) {
            at_ = at + filtered_text.size();
            return;
        }
        std::string value = lower(text_.substr(at, std::min<std::size_t>(end - at, 16)));
        if (std::find(std::begin(no_secrets), std::end(no_secrets), value)
            != std::end(no_secrets)) {
            at_ = end;
        } else {
            take(at, end);
        }
    }

    /* name=value, name = "value", name => "value" */
    void assignment()
    {
        std::size_t before = before_white(at_);
        bool arrow = is(at_ + 1, '>');
        std::size_t next = at_ + 1 + arrow;
        std::size_t value = after_white(next);
        std::size_t quote = opening_quote(value);
        bool tight = before == at_ && value == next && !arrow;
        at_ = next;
        if (is(next, '=') || (quote == text_.npos && !tight) || !is_secret(name_before(before))) {
            return;
        }
        if (quote != text_.npos) {
            quoted_value(quote);
        } else {
            bare_value(value, first_of(ends_of_pair, value));
        }
    }

    /* Where a value ends within another one: where that ends, or at one of these escapes. */
    std::size_t end_of_encoded(std::size_t at, std::string_view escapes) const
    {
        at = text_.find_first_of(ends_of_encoded, at);
        while (at != text_.npos && text_[at] == '%'
               && escapes.find(text_.substr(at, 3)) == escapes.npos) {
            at = text_.find_first_of(ends_of_encoded, at + 1);
        }
        return std::min(at, text_.size());
    }

    /* A form or a URL that is a value of another one: name%3Dvalue%26... */
    void encoded_assignment()
    {
        std::string_view name = name_before(at_ - 1);
        at_ += 2;
        if (is_secret(name)) {
            bare_value(at_, end_of_encoded(at_, "%26"));
        }
    }

    /* JSON that is a value of a form: %22name%22%3A%22value%22 */
    void encoded_member()
    {
        constexpr std::string_view quote = "%22";
        std::string_view before = text_.substr(0, at_ - 1);
        at_ += 2;
        if (!before.ends_with(quote) || !is_secret(name_before(before.size() - quote.size()))) {
            return;
        }
        while (is(at_, '+') || text_.substr(at_).starts_with("%20")) {
            at_ += is(at_, '+') ? 1 : 3;
        }
        std::string head = lower(text_.substr(at_, quote.size()));
        if (head == quote) {
            std::size_t begin = at_ + quote.size();
            std::size_t end = end_of_encoded(begin, quote);
            bool escaped = lower(text_.substr(begin, end - begin)).ends_with("%5c");
            bare_value(begin, escaped ? first_of(ends_of_pair, end) : end);
        } else {
            bool listed = head == "%5b" || head == "%7b";
            bare_value(at_, listed ? first_of(ends_of_pair, at_) : end_of_encoded(at_, "%2C%7D"));
        }
    }

    /* scheme://user:password@host, or a member */
    void colon()
    {
        at_++;
        if (text_.substr(at_).starts_with("//")) {
            at_ += 2;
            login();
        } else {
            member();
        }
    }

    /* user:password@host */
    void login()
    {
        std::size_t behind = first_of(ends_of_authority, at_);
        std::string_view authority = text_.substr(at_, behind - at_);
        std::size_t end = authority.rfind('@');
        if (end == authority.npos && may_have_password(authority)) {
            end = end_of_odd_login(behind) - at_;
        }
        if (end < text_.size() - at_ && text_.substr(at_, end) != filtered_text) {
            take(at_, at_ + end);
        }
    }

    /* Whether behind a host there would be a port, or a place for one. */
    static bool may_have_password(std::string_view authority)
    {
        std::size_t colon = authority.find(':');
        if (colon == authority.npos || authority.front() == '[') {
            return false;
        }
        std::string_view password = authority.substr(colon + 1);
        return !std::all_of(password.begin(), password.end(), is_digit) && password.front() != '{'
               && password.front() != '$';
    }

    /* Where the @ is behind a password that goes on there with / ? # or one blank; at the
     * end of the text when there is none. No two searches meet: they end at //. */
    std::size_t end_of_odd_login(std::size_t at) const
    {
        bool blank = false;
        for (; at < text_.size() && text_[at] != '@'; at++) {
            std::string_view rest = text_.substr(at);
            bool ends = std::string_view("\\\t\r\n\"'<>()").find(rest[0]) != rest.npos
                        || rest.starts_with("//") || rest.starts_with(filtered_text);
            if (ends || (rest[0] == ' ' && blank)) {
                return text_.size();
            }
            blank = blank || rest[0] == ' ';
        }
        if (at + 1 >= text_.size() || is_white(text_[at - 1]) || !is_alnum(text_[at + 1])) {
            return text_.size();
        }
        return at + text_.substr(at, first_of(ends_of_authority, at) - at).rfind('@');
    }

    /* Behind the colon of "name": value or name: "value". */
    void member()
    {
        std::size_t before = before_white(at_ - 1);
        std::size_t value = after_white(at_);
        std::size_t quote = opening_quote(value);
        bool named = before > 0 && is_quote(text_[before - 1]);
        if (value == text_.size() || (!named && quote == text_.npos)) {
            return;
        }
        std::string_view name = name_before(before);
        if (!is_secret(name) || (!named && !begins_member(name))) {
            return;
        }
        bool listed = text_[value] == '{' || text_[value] == '[';
        if (quote != text_.npos) {
            quoted_value(quote);
        } else if (listed && !text_.substr(value).starts_with(filtered_text)) {
            container(value);
        } else if (is_digit(text_[value])
                   || text_.substr(at_, value - at_).find('\n') == std::string_view::npos) {
            bare_value(value, first_of(" \t\r\n\v\f,]}", value));
        }
    }

    void private_key()
    {
        constexpr std::string_view begin = "-----BEGIN ";
        constexpr std::string_view kind = "PRIVATE KEY-----";
        constexpr std::string_view end = "-----END ";
        std::string_view rest = text_.substr(at_);
        std::size_t named = rest.npos;
        // What keys there are is said in capitals: RSA, EC, ENCRYPTED (RFC 7468, section 3).
        bool key = rest.starts_with(begin) && (named = rest.substr(0, 64).find(kind)) != rest.npos
                   && rest.substr(begin.size(), named - begin.size()).find_first_not_of(
                          "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 ") == rest.npos;
        if (!key) {
            at_++;
            return;
        }
        std::size_t last = text_.find(end, at_ + named + kind.size());
        std::size_t behind = last == text_.npos ? last : text_.find("-----", last + end.size());
        take(at_, behind == text_.npos ? text_.size() : behind + 5);
    }

    /* At the blank behind "Bearer". */
    void credentials()
    {
        std::size_t behind = at_++;
        std::size_t scheme = auth_scheme_before(text_.substr(0, behind));
        if (scheme == 0) {
            return;
        }
        std::size_t begin = after_white(behind);
        std::string_view value = credentials_at(text_.substr(begin));
        if (is_coded(value) || (is_named(behind - scheme) && may_be_coded(value))) {
            take(begin, begin + value.size());
        }
    }

    /* Whether what begins there is the value of a header or the like. In JSON it was taken. */
    bool is_named(std::size_t begin) const
    {
        std::size_t sign = before_white(begin);
        return sign > 0 && (text_[sign - 1] == ':' || text_[sign - 1] == '=')
               && is_secret(name_before(before_white(sign - 1)));
    }

    std::string_view text_;
    const SecretNames &names_;
    std::vector<TextRange> found_;
    std::size_t at_ = 0;
};

}

std::vector<TextRange> find_secrets(std::string_view text, const SecretNames &names)
{
    return TextReader(text, names).run();
}

}
