"""Countries and states as Odoo knows them: code and English name.

What belongs here: the two tables. What does not: the declarations of their models (base.py).
"""

from __future__ import annotations


def _read_table(text: str) -> dict[str, str]:
    """Entries `CODE Name`, divided by semicolons."""
    pairs = (entry.strip().partition(" ") for entry in text.split(";"))
    return {code: name for code, _space, name in pairs}


COUNTRIES = _read_table(
    """
    AD Andorra; AE United Arab Emirates; AF Afghanistan; AG Antigua and Barbuda; AI Anguilla; AL Albania;
    AM Armenia; AO Angola; AQ Antarctica; AR Argentina; AS American Samoa; AT Austria; AU Australia; AW Aruba;
    AX Åland Islands; AZ Azerbaijan; BA Bosnia and Herzegovina; BB Barbados; BD Bangladesh; BE Belgium;
    BF Burkina Faso; BG Bulgaria; BH Bahrain; BI Burundi; BJ Benin; BL Saint Barthélémy; BM Bermuda;
    BN Brunei Darussalam; BO Bolivia; BQ Bonaire, Sint Eustatius and Saba; BR Brazil; BS Bahamas; BT Bhutan;
    BV Bouvet Island; BW Botswana; BY Belarus; BZ Belize; CA Canada; CC Cocos (Keeling) Islands; CD Congo (DRC);
    CF Central African Republic; CG Congo (Republic); CH Switzerland; CI Côte d'Ivoire; CK Cook Islands; CL Chile;
    CM Cameroon; CN China; CO Colombia; CR Costa Rica; CU Cuba; CV Cape Verde; CW Curaçao; CX Christmas Island;
    CY Cyprus; CZ Czech Republic; DE Germany; DJ Djibouti; DK Denmark; DM Dominica; DO Dominican Republic;
    DZ Algeria; EC Ecuador; EE Estonia; EG Egypt; EH Western Sahara; ER Eritrea; ES Spain; ET Ethiopia; FI Finland;
    FJ Fiji; FK Falkland Islands; FM Micronesia; FO Faroe Islands; FR France; GA Gabon; GB United Kingdom;
    GD Grenada; GE Georgia; GF French Guiana; GG Guernsey; GH Ghana; GI Gibraltar; GL Greenland; GM Gambia;
    GN Guinea; GP Guadeloupe; GQ Equatorial Guinea; GR Greece; GS South Georgia and the South Sandwich Islands;
    GT Guatemala; GU Guam; GW Guinea-Bissau; GY Guyana; HK Hong Kong; HM Heard Island and McDonald Islands;
    HN Honduras; HR Croatia; HT Haiti; HU Hungary; ID Indonesia; IE Ireland; IL Israel; IM Isle of Man; IN India;
    IO British Indian Ocean Territory; IQ Iraq; IR Iran; IS Iceland; IT Italy; JE Jersey; JM Jamaica; JO Jordan;
    JP Japan; KE Kenya; KG Kyrgyzstan; KH Cambodia; KI Kiribati; KM Comoros; KN Saint Kitts and Nevis;
    KP North Korea; KR South Korea; KW Kuwait; KY Cayman Islands; KZ Kazakhstan; LA Laos; LB Lebanon;
    LC Saint Lucia; LI Liechtenstein; LK Sri Lanka; LR Liberia; LS Lesotho; LT Lithuania; LU Luxembourg; LV Latvia;
    LY Libya; MA Morocco; MC Monaco; MD Moldova; ME Montenegro; MF Saint Martin (French part); MG Madagascar;
    MH Marshall Islands; MK North Macedonia; ML Mali; MM Myanmar; MN Mongolia; MO Macau;
    MP Northern Mariana Islands; MQ Martinique; MR Mauritania; MS Montserrat; MT Malta; MU Mauritius; MV Maldives;
    MW Malawi; MX Mexico; MY Malaysia; MZ Mozambique; NA Namibia; NC New Caledonia; NE Niger; NF Norfolk Island;
    NG Nigeria; NI Nicaragua; NL Netherlands; NO Norway; NP Nepal; NR Nauru; NU Niue; NZ New Zealand; OM Oman;
    PA Panama; PE Peru; PF French Polynesia; PG Papua New Guinea; PH Philippines; PK Pakistan; PL Poland;
    PM Saint Pierre and Miquelon; PN Pitcairn Islands; PR Puerto Rico; PS State of Palestine; PT Portugal;
    PW Palau; PY Paraguay; QA Qatar; RE Réunion; RO Romania; RS Serbia; RU Russian Federation; RW Rwanda;
    SA Saudi Arabia; SB Solomon Islands; SC Seychelles; SD Sudan; SE Sweden; SG Singapore;
    SH Saint Helena, Ascension and Tristan da Cunha; SI Slovenia; SJ Svalbard and Jan Mayen; SK Slovakia;
    SL Sierra Leone; SM San Marino; SN Senegal; SO Somalia; SR Suriname; SS South Sudan; ST São Tomé and Príncipe;
    SV El Salvador; SX Sint Maarten (Dutch part); SY Syria; SZ Eswatini; TC Turks and Caicos Islands; TD Chad;
    TF French Southern Territories; TG Togo; TH Thailand; TJ Tajikistan; TK Tokelau; TL Timor-Leste;
    TM Turkmenistan; TN Tunisia; TO Tonga; TR Türkiye; TT Trinidad and Tobago; TV Tuvalu; TW Taiwan; TZ Tanzania;
    UA Ukraine; UG Uganda; UM USA Minor Outlying Islands; US United States; UY Uruguay; UZ Uzbekistan;
    VA Holy See (Vatican City State); VC Saint Vincent and the Grenadines; VE Venezuela;
    VG Virgin Islands (British); VI Virgin Islands (USA); VN Vietnam; VU Vanuatu; WF Wallis and Futuna; WS Samoa;
    XI Northern Ireland; XK Kosovo; YE Yemen; YT Mayotte; ZA South Africa; ZM Zambia; ZW Zimbabwe
    """
)

STATES = {
    "DE": _read_table(
        """
        DE-BB Brandenburg; DE-BE Berlin; DE-BW Baden-Württemberg; DE-BY Bayern; DE-HB Bremen; DE-HE Hessen;
        DE-HH Hamburg; DE-MV Mecklenburg-Vorpommern; DE-NI Niedersachsen; DE-NW Nordrhein-Westfalen;
        DE-RP Rheinland-Pfalz; DE-SH Schleswig-Holstein; DE-SL Saarland; DE-SN Sachsen; DE-ST Sachsen-Anhalt;
        DE-TH Thüringen
        """
    ),
    "US": _read_table(
        """
        AA Armed Forces Americas; AE Armed Forces Europe; AK Alaska; AL Alabama; AP Armed Forces Pacific; AR Arkansas;
        AS American Samoa; AZ Arizona; CA California; CO Colorado; CT Connecticut; DC District of Columbia;
        DE Delaware; FL Florida; FM Federated States of Micronesia; GA Georgia; GU Guam; HI Hawaii; IA Iowa; ID Idaho;
        IL Illinois; IN Indiana; KS Kansas; KY Kentucky; LA Louisiana; MA Massachusetts; MD Maryland; ME Maine;
        MH Marshall Islands; MI Michigan; MN Minnesota; MO Missouri; MP Northern Mariana Islands; MS Mississippi;
        MT Montana; NC North Carolina; ND North Dakota; NE Nebraska; NH New Hampshire; NJ New Jersey; NM New Mexico;
        NV Nevada; NY New York; OH Ohio; OK Oklahoma; OR Oregon; PA Pennsylvania; PR Puerto Rico; PW Palau;
        RI Rhode Island; SC South Carolina; SD South Dakota; TN Tennessee; TX Texas; UT Utah; VA Virginia;
        VI Virgin Islands; VT Vermont; WA Washington; WI Wisconsin; WV West Virginia; WY Wyoming
        """
    ),
    "CA": _read_table(
        """
        AB Alberta; BC British Columbia; MB Manitoba; NB New Brunswick; NL Newfoundland and Labrador; NS Nova Scotia;
        NT Northwest Territories; NU Nunavut; ON Ontario; PE Prince Edward Island; QC Quebec; SK Saskatchewan;
        YT Yukon
        """
    ),
    "AU": _read_table(
        """
        ACT Australian Capital Territory; NSW New South Wales; NT Northern Territory; QLD Queensland;
        SA South Australia; TAS Tasmania; VIC Victoria; WA Western Australia
        """
    ),
}

EUROPEAN_UNION = (
    *("AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU"),
    *("IE", "IT", "LT", "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK"),
)
