// SPDX-License-Identifier: Apache-2.0
const http = require('http')
const fs = require('fs')
const greet = require('greeter')
const who = require('./who.js')

http.createServer((request, response) => {
	fs.appendFileSync('requests.txt', `${request.url}\n`)
	response.end(`${greet(who)}\n`)
}).listen(3000)
