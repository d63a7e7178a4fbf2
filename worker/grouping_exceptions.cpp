/*
 * Exceptions: one, chains of causes, and groups that hold several.
 *
 * Rules: grouping reference, section 9.
 */

#include "worker/grouping_variants.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "worker/grouping_names.hpp"
#include "worker/parameterize.hpp"
#include "worker/parameterize_patterns.hpp"
#include "worker/repair.hpp"

namespace errtrack {
namespace {

constexpr std::size_t contributing_exceptions = 10;

bool is_exhaustion(const Exception &exception)
{
    if (is_one_of(exception.type, {"RecursionError", "StackOverflowError", "java.lang.StackOverflowError",
                                   "SystemStackError", "StackOverflowException", "System.StackOverflowException",
                                   "InsufficientExecutionStackException",
                                   "System.InsufficientExecutionStackException"})) {
        return true;
    }
    if (!is_one_of(exception.type, {"RangeError", "InternalError"})) {
        return false;
    }
    std::string value = lower(exception.value);
    return value.find("call stack") != value.npos || value.find("too much recursion") != value.npos;
}

/* Types that say nothing: the stack is often that of a handler that reports. */
bool is_generic(std::string_view type)
{
    return is_one_of(type, {"*errors.errorString", "*fmt.wrapError", "*fmt.wrapErrors", "*errors.joinError",
                            "*errors.fundamental", "*errors.withStack", "*errors.withMessage", "anyhow::Error",
                            "anyhow", "eyre::Report", "Box<dyn Error>"});
}

/* Of code / address the address is data. */
std::string synthetic_type(std::string_view type)
{
    std::size_t slash = type.find(" / ");
    if (slash == type.npos) {
        return std::string(type);
    }
    return std::string(type.substr(0, slash + 3)) + parameterize(type.substr(slash + 3));
}

/* text is what identifies the value, made when it is asked for first. */
ExceptionPart exception_part(const Exception &exception, std::string_view platform,
                             std::optional<std::string> &text, Scope scope)
{
    ExceptionPart part;
    part.stack = stack_part(exception.frames, exception.bounds, scope, is_exhaustion(exception));
    bool has_stack = !part.stack.bytes.empty();
    bool weak = part.stack.weak;

    std::string type = clean_type(exception, platform);
    if (exception.synthetic && has_stack && !weak) {
        part.type = {{}, Hint::type_synthetic};
    } else {
        type = exception.synthetic ? synthetic_type(type) : std::move(type);
        Hint hint = type == exception.type ? Hint::none : Hint::generated_class;
        part.type = {std::move(type), hint};
    }
    if (exception.ns_error.empty()) {
        if (!has_stack || weak || is_generic(exception.type)) {
            if (!text) {
                text = identifying_text(exception.value);
            }
            part.value = {*text, *text == exception.value ? Hint::none : Hint::parameterized};
        } else {
            part.value.hint = Hint::value_ignored_stack_present;
        }
    }
    part.bytes.append("X(");
    append_leaf(part.bytes, 'T', part.type.value);
    append_leaf(part.bytes, 'V', part.value.value);
    append_leaf(part.bytes, 'N', exception.ns_error);
    part.bytes.append(part.stack.bytes).append(")");
    return part;
}

/* ---- groups ---- */

/* The tree of an event whose exceptions say where they belong. */
class ExceptionTree {
public:
    explicit ExceptionTree(const std::vector<Exception> &exceptions) : exceptions_(exceptions)
    {
        valid_ = read();
    }

    bool valid() const { return valid_; }
    std::size_t root() const { return root_; }

    /* What the outermost group holds, but for groups in it, in the order of ids. */
    std::vector<std::size_t> members() const
    {
        std::vector<std::size_t> found;
        std::vector<std::size_t> open;
        if (exceptions_[root_].group) {
            open.push_back(root_);
        }
        while (!open.empty()) {
            std::size_t group = open.back();
            open.pop_back();
            for (std::size_t child : children_[group]) {
                (exceptions_[child].group ? open : found).push_back(child);
            }
        }
        return found;
    }

    /* An exception and its causes, the first cause of each; the oldest first. */
    std::vector<std::size_t> line(std::size_t from) const
    {
        std::vector<std::size_t> found = {from};
        while (!children_[from].empty()) {
            from = children_[from].front();
            found.push_back(from);
        }
        std::reverse(found.begin(), found.end());
        return found;
    }

private:
    bool read()
    {
        std::map<std::int64_t, std::size_t> places;
        bool group = false;
        for (std::size_t i = 0; i < exceptions_.size(); i++) {
            const Exception &each = exceptions_[i];
            if (!each.id || !places.emplace(*each.id, i).second || each.parent == each.id) {
                return false;
            }
            group = group || each.group;
        }
        auto root = places.find(0);
        if (!group || root == places.end()) {
            return false;
        }
        root_ = root->second;
        children_.resize(exceptions_.size());
        for (const auto &[id, place] : places) {
            const std::optional<std::int64_t> &parent = exceptions_[place].parent;
            if (parent.has_value() == (id == 0)) {
                return false;
            }
            if (parent) {
                auto found = places.find(*parent);
                if (found == places.end()) {
                    return false;
                }
                children_[found->second].push_back(place);
            }
        }
        return reached() == exceptions_.size();
    }

    /* With one parent each, all are reached unless some form a cycle. */
    std::size_t reached() const
    {
        std::vector<std::size_t> open = {root_};
        for (std::size_t i = 0; i < open.size(); i++) {
            open.insert(open.end(), children_[open[i]].begin(), children_[open[i]].end());
        }
        return open.size();
    }

    const std::vector<Exception> &exceptions_;
    std::vector<std::vector<std::size_t>> children_;
    std::size_t root_ = 0;
    bool valid_ = false;
};

std::string bytes_of(const std::vector<std::size_t> &line, const std::vector<ExceptionPart> &parts)
{
    std::string bytes;
    for (std::size_t index : line) {
        bytes += parts[index].bytes;
    }
    return bytes;
}

/* One of each kind of member, in an order that the event does not decide. */
std::vector<std::size_t> distinct_members(const ExceptionTree &tree,
                                          const std::vector<ExceptionPart> &parts)
{
    std::map<std::string_view, std::pair<std::string, std::size_t>> distinct;
    for (std::size_t member : tree.members()) {
        std::string line = bytes_of(tree.line(member), parts);
        auto [found, added] = distinct.try_emplace(parts[member].bytes, line, member);
        if (!added && line < found->second.first) {
            found->second = {std::move(line), member};
        }
    }
    std::vector<std::size_t> members;
    members.reserve(distinct.size());
    for (const auto &[bytes, each] : distinct) {
        members.push_back(each.second);
    }
    return members;
}

/* The exceptions that count, in their order; a hint for each that does not. */
std::vector<std::size_t> arranged(const GroupingInput &input, const ExceptionTree &tree,
                                  std::vector<ExceptionPart> &parts)
{
    std::vector<std::size_t> order;
    std::vector<std::size_t> members;
    if (tree.valid()) {
        members = distinct_members(tree, parts);
    }
    if (members.empty()) {
        for (std::size_t i = 0; i < input.exceptions.size(); i++) {
            order.push_back(i);
        }
    } else {
        for (ExceptionPart &part : parts) {
            part.hint = Hint::equal_member;
        }
        for (std::size_t member : members) {
            std::vector<std::size_t> line = tree.line(member);
            order.insert(order.end(), line.begin(), line.end());
        }
        for (const Exception &each : input.exceptions) {
            if (each.group) {
                parts[static_cast<std::size_t>(&each - input.exceptions.data())].hint
                    = Hint::wrapper_dropped;
            }
        }
        if (members.size() > 1) {
            order.push_back(tree.root());
        }
        for (std::size_t index : order) {
            parts[index].hint = Hint::none;
        }
    }
    std::vector<std::size_t> kept;
    for (std::size_t index : order) {
        if (parts[index].bytes == "X()") {
            continue;
        }
        if (!kept.empty() && parts[kept.back()].bytes == parts[index].bytes) {
            parts[index].hint = Hint::equal_member;
        } else {
            kept.push_back(index);
        }
    }
    if (kept.size() > contributing_exceptions) {
        auto half = static_cast<std::ptrdiff_t>(contributing_exceptions / 2);
        std::for_each(kept.begin() + half, kept.end() - half,
                      [&](std::size_t index) { parts[index].hint = Hint::beyond_limit; });
        kept.erase(kept.begin() + half, kept.end() - half);
    }
    return kept;
}

Variant exceptions_variant(const GroupingInput &input, const ExceptionTree &tree,
                           std::vector<std::optional<std::string>> &texts, Scope scope)
{
    Variant variant;
    variant.name = scope == Scope::app ? "app" : "system";
    for (std::size_t i = 0; i < input.exceptions.size(); i++) {
        variant.exceptions.push_back(exception_part(input.exceptions[i], input.platform,
                                                    texts[i], scope));
    }
    variant.order = arranged(input, tree, variant.exceptions);
    for (std::size_t index : variant.order) {
        const ExceptionPart &part = variant.exceptions[index];
        variant.has_stack = variant.has_stack || !part.stack.bytes.empty();
        variant.weak = variant.weak || part.stack.weak;
        variant.bytes += part.bytes;
    }
    return variant;
}

bool speaks_of_recovery(std::string_view value)
{
    return value.find("React was able to recover") != value.npos
           && (value.find("concurrent rendering") != value.npos || value.find("while hydrating") != value.npos);
}

}

std::string clean_type(const Exception &exception, std::string_view platform)
{
    std::string_view type = exception.type;
    constexpr std::string_view anonymous = "@anonymous";
    constexpr std::string_view lambda = "$$Lambda";
    if (std::size_t at = type.find(anonymous); at != type.npos) {
        return std::string(type.substr(0, at + anonymous.size()));
    }
    if (std::size_t at = type.find(lambda); at != type.npos) {
        return std::string(type.substr(0, at + lambda.size()));
    }
    bool letters = std::all_of(type.begin(), type.end(), is_letter);
    if (is_javascript(platform) && !type.empty() && type.size() <= 2 && letters) {
        return "Error";
    }
    std::size_t tick = type.find('`');
    if (tick != type.npos && tick + 1 < type.size() && is_digit(type[tick + 1])) {
        type = type.substr(0, tick);
    }
    return std::string(type);
}

std::vector<Variant> exception_variants(const GroupingInput &input)
{
    std::vector<std::optional<std::string>> texts(input.exceptions.size());
    ExceptionTree tree(input.exceptions);
    Variant app = exceptions_variant(input, tree, texts, Scope::app);
    return choose_variants(std::move(app), exceptions_variant(input, tree, texts, Scope::system));
}

std::size_t main_exception_of(const GroupingInput &input)
{
    const std::vector<Exception> &exceptions = input.exceptions;
    std::size_t main = exceptions.size() - 1;
    ExceptionTree tree(exceptions);
    if (tree.valid()) {
        std::vector<ExceptionPart> parts;
        for (const Exception &each : exceptions) {
            std::optional<std::string> text;
            parts.push_back(exception_part(each, input.platform, text, Scope::system));
        }
        std::vector<std::size_t> members = distinct_members(tree, parts);
        main = members.size() == 1 ? members.front() : main;
    }
    if (main == 0 || exceptions.size() < 2) {
        return main;
    }
    const Exception &outer = exceptions[main];
    bool recovered = speaks_of_recovery(outer.value) && exceptions[main - 1].source == "cause";
    std::string_view last = std::string_view(outer.type).substr(outer.type.rfind('.') + 1);
    bool wrapped = outer.mechanism == "UncaughtExceptionHandler"
                   && is_one_of(last, {"OnErrorNotImplementedException", "CompositeException", "UndeliverableException"});
    bool coroutine = last == "DiagnosticCoroutineContextException";
    return recovered || wrapped || coroutine ? main - 1 : main;
}

/* SDKs have changed the order of the list between releases, the ids tell it better:
 * the outermost exception has 0. */
void order_exceptions(std::vector<Exception> &exceptions)
{
    std::set<std::int64_t> ids;
    for (const Exception &exception : exceptions) {
        if (!exception.id || !ids.insert(*exception.id).second) {
            return;
        }
    }
    std::sort(exceptions.begin(), exceptions.end(),
              [](const Exception &a, const Exception &b) { return *a.id > *b.id; });
}

}
