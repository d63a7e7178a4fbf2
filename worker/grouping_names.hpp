/*
 * Names of functions and modules without what compilers, runtimes and proxies put into
 * them: numbers, hashes, addresses, argument lists. The enclosing name always stays.
 *
 * Rules: grouping reference, sections 6, 7.1 and 7.2. Any text is a name here; time is
 * linear in its length, and text that is not balanced stays as it is.
 */

#ifndef ERRTRACK_WORKER_GROUPING_NAMES_HPP
#define ERRTRACK_WORKER_GROUPING_NAMES_HPP

#include <string>
#include <string_view>

#include "worker/words.hpp"

namespace errtrack {

bool is_javascript(std::string_view platform);
bool is_java(std::string_view platform);     /* and what else runs on its machine */
bool is_native(std::string_view platform);

/* Names that anonymisers and crash tools write in the place of every function. */
bool is_placeholder(std::string_view function);

/* Empty: the name says nothing. */
std::string clean_javascript_function(std::string_view name);
std::string clean_java_function(std::string_view name);
std::string clean_python_function(std::string_view name);
std::string clean_php_function(std::string_view name);
std::string clean_ruby_function(std::string_view name);
std::string clean_go_function(std::string_view name);
std::string clean_elixir_function(std::string_view name);
std::string clean_native_function(std::string_view name);

/* A method of C# is named by its class, too: state machines hide it there. */
struct CsharpName {
    std::string module;
    std::string function;
};
CsharpName clean_csharp_name(std::string_view module, std::string_view function);

std::string clean_java_module(std::string_view module);

}

#endif
