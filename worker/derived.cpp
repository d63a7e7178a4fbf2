#include "worker/derived.hpp"

#include <algorithm>

#include "worker/fields.hpp"
#include "worker/item.hpp"
#include "worker/repair.hpp"
#include "worker/user_agent.hpp"

namespace errtrack {
namespace {

constexpr std::size_t sdk_characters = 128;

std::string sdk_of(std::string_view client)
{
    std::size_t slash = std::min(client.rfind('/'), client.size());
    std::string_view name = cut_characters(trim(client.substr(0, slash)), sdk_characters);
    std::string_view version = client.substr(std::min(slash + 1, client.size()));
    return name.empty() ? ""
                        : JsonObject().text("name", name)
                              .text("version", cut_characters(trim(version), sdk_characters))
                              .done();
}

std::string contexts_of(JsonValue root, bool browser, std::string_view agent)
{
    JsonValue contexts = interface_of(root, "contexts", "sentry.interfaces.Contexts");
    std::string_view os = browser ? "os" : "client_os";
    auto lacks = [&](std::string_view key) { return !contexts[key].is_object(); };
    if (!lacks("browser") && !lacks(os) && !lacks("device")) {
        return {};
    }
    std::string sent = request_header(root, "user-agent");
    UserAgent found = read_user_agent(sent.empty() && browser ? agent : std::string_view(sent));
    JsonObject derived;
    if (!found.browser.empty() && lacks("browser")) {
        derived.raw("browser", JsonObject().text("name", found.browser)
                                   .text("version", found.browser_version)
                                   .text("type", "browser")
                                   .done());
    }
    if (!found.os.empty() && lacks(os)) {
        derived.raw(os, JsonObject().text("name", found.os)
                            .text("version", found.os_version)
                            .text("type", "os")
                            .done());
    }
    if (!found.device.empty() && lacks("device")) {
        derived.raw("device", JsonObject().text("family", found.device)
                                  .text("model", found.device)
                                  .text("brand", found.brand)
                                  .text("type", "device")
                                  .done());
    }
    return derived.empty() ? "" : derived.done();
}

}

std::string derived_members(JsonValue root, std::string_view platform, const Sender &sender)
{
    JsonObject derived;
    derived.raw("sdk", root["sdk"].is_object() ? "" : sdk_of(sender.client))
        .raw("contexts", contexts_of(root, platform == "javascript", sender.agent));
    return derived.empty() ? "" : derived.done();
}

}
