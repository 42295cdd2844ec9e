package rates

// names are what the currencies that the ECB publishes, or did, are called.
var names = map[string]string{
	"EUR": "Euro",
	"AUD": "Australian dollar",
	"BGN": "Bulgarian lev",
	"BRL": "Brazilian real",
	"CAD": "Canadian dollar",
	"CHF": "Swiss franc",
	"CNY": "Chinese renminbi",
	"CZK": "Czech koruna",
	"DKK": "Danish krone",
	"GBP": "Pound sterling",
	"HKD": "Hong Kong dollar",
	"HRK": "Croatian kuna",
	"HUF": "Hungarian forint",
	"IDR": "Indonesian rupiah",
	"ILS": "Israeli shekel",
	"INR": "Indian rupee",
	"ISK": "Icelandic króna",
	"JPY": "Japanese yen",
	"KRW": "South Korean won",
	"LTL": "Lithuanian litas",
	"LVL": "Latvian lats",
	"MXN": "Mexican peso",
	"MYR": "Malaysian ringgit",
	"NOK": "Norwegian krone",
	"NZD": "New Zealand dollar",
	"PHP": "Philippine peso",
	"PLN": "Polish złoty",
	"RON": "Romanian leu",
	"RUB": "Russian rouble",
	"SEK": "Swedish krona",
	"SGD": "Singapore dollar",
	"THB": "Thai baht",
	"TRY": "Turkish lira",
	"USD": "US dollar",
	"ZAR": "South African rand",
}

// Name returns what the currency is called; "" if that is not known.
func (q Quote) Name() string { return names[q.Currency] }
