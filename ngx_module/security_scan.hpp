/*
 * What browsers report on their own: one object, or the list of the Reporting API.
 */

#ifndef ERRTRACK_NGX_MODULE_SECURITY_SCAN_HPP
#define ERRTRACK_NGX_MODULE_SECURITY_SCAN_HPP

#include "ngx_module/json_scan.hpp"
#include "ngx_module/scan.hpp"

namespace errtrack __attribute__((visibility("hidden"))) {

class SecurityScanner final : public Scanner {
public:
    /* type is a literal: of each report as an item. */
    SecurityScanner(const ScanLimits &limits, std::string_view type)
        : Scanner(limits), json_(JsonScan::Top::object_or_list), type_(type) {}

    static constexpr unsigned max_reports = 100;

private:
    Fault scan(std::string_view bytes) override;
    Fault end() override;

    JsonScan json_;
    std::string_view type_;
};

}

#endif
